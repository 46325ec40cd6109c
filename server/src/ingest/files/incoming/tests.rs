use super::*;
use app::model::id::{MaterialId, UserId};

type Part = Result<Bytes, io::Error>;

const ID: UploadId = UploadId::new(Uuid::from_u128(7));

async fn receive(files: &Files, parts: Vec<Part>, max: u64) -> Result<Received, ReceiveError> {
    files.receive(futures::stream::iter(parts), max).await
}

async fn append(files: &Files, at: u64, room: u64, parts: Vec<Part>) -> Appended {
    let stop = CancellationToken::new();
    let parts = futures::stream::iter(parts);
    files.append(ID, at, room, parts, &stop).await
}

fn cut() -> Part {
    Err(io::ErrorKind::Other.into())
}

fn text(text: &'static str) -> Part {
    Ok(Bytes::from(text))
}

fn incoming(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("incoming")).unwrap().count()
}

#[tokio::test]
async fn an_upload_is_counted_hashed_and_placed() {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::open(dir.path()).await.unwrap();
    let parts = vec![text("he"), text("art")];
    let received = receive(&files, parts, 100).await.unwrap();
    assert_eq!(received.size_bytes, 5);
    assert_eq!(received.sha256, <[u8; 32]>::from(Sha256::digest("heart")));
    let (user, material) = (
        UserId::new(Uuid::from_u128(1)),
        MaterialId::new(Uuid::from_u128(2)),
    );
    let mut arrival = files.bring(received, user, material).await.unwrap();
    arrival.place().await.unwrap();
    arrival.settle().await;
    assert_eq!(std::fs::read(files.path(user, material)).unwrap(), b"heart");
    assert_eq!(incoming(dir.path()), 0);
    files.remove(user, material).await.unwrap();
    files.remove(user, material).await.unwrap();
}

#[tokio::test]
async fn whatever_goes_wrong_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::open(dir.path()).await.unwrap();
    let large = receive(&files, vec![text("12345")], 4).await;
    assert!(matches!(large, Err(ReceiveError::TooLarge)));
    let cut = receive(&files, vec![text("1"), cut()], 4).await;
    assert!(matches!(cut, Err(ReceiveError::Interrupted)));
    let empty = receive(&files, vec![], 4).await;
    assert!(matches!(empty, Err(ReceiveError::Empty)));
    drop(receive(&files, vec![text("1")], 4).await.unwrap());
    assert_eq!(incoming(dir.path()), 0);
}

#[tokio::test]
async fn pieces_make_a_whole_whatever_cuts_them() {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::open(dir.path()).await.unwrap();
    let first = append(&files, 0, 5, vec![text("he"), cut()]).await;
    assert!(matches!(first.cut, Some(ReceiveError::Interrupted)));
    assert_eq!(first.length, 2);
    // Only two of these were ever acknowledged: the rest is written anew.
    std::fs::write(files.part(ID), "he??").unwrap();
    let second = append(&files, 2, 3, vec![text("a"), text("rt")]).await;
    assert!(second.cut.is_none());
    assert_eq!(second.length, 5);
    let whole = files.whole(ID).await.unwrap();
    assert_eq!(whole.size_bytes, 5);
    assert_eq!(whole.sha256, <[u8; 32]>::from(Sha256::digest("heart")));
    drop(whole);
    assert_eq!(files.part_bytes(ID).await.unwrap(), 5, "it can be repeated");
    files.remove_part(ID).await.unwrap();
    files.remove_part(ID).await.unwrap();
    assert_eq!(files.part_bytes(ID).await.unwrap(), 0);
}

#[tokio::test]
async fn a_piece_larger_than_its_room_or_without_its_beginning_counts_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::open(dir.path()).await.unwrap();
    append(&files, 0, 5, vec![text("he")]).await;
    let large = append(&files, 2, 3, vec![text("art"), text("s")]).await;
    assert!(matches!(large.cut, Some(ReceiveError::TooLarge)));
    assert_eq!(large.length, 2);
    let beyond = append(&files, 9, 3, vec![text("x")]).await;
    assert!(matches!(beyond.cut, Some(ReceiveError::Io(_))));
}

#[tokio::test]
async fn a_stopping_server_keeps_what_has_come() {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::open(dir.path()).await.unwrap();
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let parts = futures::stream::iter([text("he")])
        .chain(futures::stream::once(async move {
            stopping.cancel();
            futures::future::pending::<Part>().await
        }))
        .boxed();
    let appended = files.append(ID, 0, 5, parts, &stop).await;
    assert_eq!(appended.length, 2);
    assert!(matches!(appended.cut, Some(ReceiveError::Interrupted)));
}

#[tokio::test]
async fn a_start_keeps_the_parts_of_live_uploads_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::open(dir.path()).await.unwrap();
    append(&files, 0, 4, vec![text("half")]).await;
    std::fs::write(dir.path().join("incoming/7"), "half").unwrap();
    std::fs::create_dir(dir.path().join("incoming/folder")).unwrap();
    let files = Files::open(dir.path()).await.unwrap();
    files.keep_only(&[ID]).await.unwrap();
    assert_eq!(incoming(dir.path()), 1);
    assert_eq!(files.part_bytes(ID).await.unwrap(), 4);
    files.keep_only(&[]).await.unwrap();
    assert_eq!(incoming(dir.path()), 0);
}
