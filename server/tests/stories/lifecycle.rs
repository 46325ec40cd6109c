//! Starting, stopping, copying: the program as its owner handles it.

use super::support::{PASSWORD, config_for, spawn_app, spawn_app_in};
use reqwest::StatusCode;
use server::{Application, StartError, clock::Clock};
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

#[test]
fn the_program_says_where_it_is_and_stops_in_good_order_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    for asked in ["TERM", "INT"] {
        let mut server = Command::new(env!("CARGO_BIN_EXE_server"))
            .env("PORT", "0")
            .env("DATA_DIR", folder.path().join("data"))
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(server.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        assert!(
            said.starts_with("Studyin is ready at http://127.0.0.1:"),
            "{said}"
        );
        let sent = Command::new("kill")
            .args(["-s", asked, &server.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        assert!(server.wait().unwrap().success(), "{asked}");
    }
}

#[tokio::test]
async fn a_backup_of_a_running_server_unpacks_into_a_working_one() {
    let app = spawn_app().await;
    app.sign_up("mara@example.org").await;
    let target = tempfile::tempdir().unwrap();
    let archive = target.path().join("backup.tar");
    let tool = || {
        Command::new(env!("CARGO_BIN_EXE_server"))
            .arg("backup")
            .arg(&archive)
            .env("DATA_DIR", &app.data_dir)
            .current_dir(&app.data_dir)
            .output()
            .unwrap()
    };
    let made = tool();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let again = tool();
    assert!(
        !again.status.success(),
        "an existing file is not written over"
    );
    assert!(String::from_utf8_lossy(&again.stderr).contains("there already"));
    let left: Vec<_> = std::fs::read_dir(target.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing half-written is left");

    let restored = tempfile::tempdir().unwrap();
    tar::Archive::new(std::fs::File::open(&archive).unwrap())
        .unpack(restored.path())
        .unwrap();
    let copy = spawn_app_in(restored, &[], |_| {}).await;
    let mara = copy.visitor();
    let answer = mara.try_sign_in("mara@example.org", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn two_servers_never_share_a_data_folder() {
    let app = spawn_app().await;
    let config = config_for(&app.data_dir, &[], |_| {});
    let second = Application::build(config, Clock::system()).await;
    assert!(matches!(second, Err(StartError::DataDirInUse(_))));
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_server"))
        .env("PORT", "eighty")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("PORT is \"eighty\""), "{said}");
    assert!(said.contains("Example: PORT=3000"), "{said}");
}
