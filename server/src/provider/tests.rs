use super::*;

#[tokio::test]
async fn an_empty_slot_says_so_until_it_is_filled() {
    let slot = EmbedderSlot::empty();
    let mut watch = slot.watch();
    assert!(slot.current().is_none() && slot.problem().is_some() && !*watch.borrow());
    slot.fill(Arc::new(builtin_embedder::tests::installed()));
    watch.wait_for(|filled| *filled).await.unwrap();
    assert!(slot.current().is_some() && slot.problem().is_none());
    slot.report("too late".to_owned());
    assert!(slot.problem().is_none());
}

#[tokio::test]
async fn a_missing_model_is_reported_with_the_command_and_one_that_is_there_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let (slot, stop) = (EmbedderSlot::empty(), CancellationToken::new());
    let keeper = tokio::spawn(keep_embedder(
        slot.clone(),
        EmbedderSource::new(&EmbedderConfig::Builtin, dir.path()).unwrap(),
        str::len,
        stop.clone(),
    ));
    while !slot.problem().is_some_and(|why| why.contains("make model")) {
        tokio::task::yield_now().await;
    }
    assert!(slot.problem().unwrap().contains("config.json"));
    stop.cancel();
    keeper.await.unwrap();
    assert!(slot.current().is_none());

    let keeper = tokio::spawn(keep_embedder(
        slot.clone(),
        EmbedderSource::new(
            &EmbedderConfig::Builtin,
            &builtin_embedder::tests::model_dir(),
        )
        .unwrap(),
        str::len,
        CancellationToken::new(),
    ));
    slot.watch().wait_for(|filled| *filled).await.unwrap();
    keeper.await.unwrap();
    assert!(slot.problem().is_none());
}
