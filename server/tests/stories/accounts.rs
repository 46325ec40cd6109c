//! Signing up, in and out; what ends a session; who may have an account.

use super::support::{PASSWORD, location, spawn_app, spawn_app_in, spawn_app_with};
use chrono::TimeDelta;
use reqwest::{StatusCode, header};
use tokio::process::Command;

#[tokio::test]
async fn a_student_signs_up_leaves_and_comes_back() {
    let app = spawn_app().await;
    let mara = app.sign_up("Mara@Example.org").await;
    let profile = mara.profile().await;
    assert_eq!(profile["email"], "mara@example.org");
    assert_eq!(
        profile["role"], "owner",
        "the first account owns the server"
    );
    assert_eq!(profile["time_zone"], "UTC");

    let out = mara.post_form("/logout", &[]).await;
    assert_eq!(out.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&out), "/");
    assert_eq!(mara.cookie(), None);

    let back = mara.try_sign_in(" mara@example.org ", PASSWORD).await;
    assert_eq!(back.status(), StatusCode::SEE_OTHER);
    assert!(mara.is_signed_in().await);
}

#[tokio::test]
async fn a_browser_removes_what_it_kept_when_its_student_leaves_or_another_takes_her_place() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    app.sign_up("ada@example.org").await;
    let clears = |answer: &reqwest::Response| answer.headers().contains_key("clear-site-data");
    let again = mara.try_sign_in("mara@example.org", PASSWORD).await;
    assert!(!clears(&again), "her own things stay");
    let other = mara.try_sign_in("ada@example.org", PASSWORD).await;
    assert!(clears(&other));
    assert!(clears(&mara.post_form("/logout", &[]).await));
    // The service worker sees by this that the session has ended.
    let nobodys = mara.get("/login").await;
    assert_eq!(nobodys.headers()["x-session"], "none");
    let hers = app.sign_up("emmy@example.org").await.get("/").await;
    assert!(!hers.headers().contains_key("x-session"));
}

#[tokio::test]
async fn signing_out_ends_the_session_itself_not_only_the_cookie() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let cookie = mara.cookie();
    mara.post_form("/logout", &[]).await;
    mara.set_cookie(cookie);
    assert!(!mara.is_signed_in().await);
}

#[tokio::test]
async fn the_session_cookie_is_kept_from_scripts_and_other_sites() {
    let app = spawn_app().await;
    let answer = app
        .visitor()
        .try_sign_up("mara@example.org", PASSWORD)
        .await;
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("studyin_session="), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }

    let app = spawn_app_with(&[("PUBLIC_URL", "https://study.example.org")], |_| {}).await;
    let token = app.setup_token.clone().unwrap();
    let answer = app
        .visitor()
        .post_form(
            "/signup",
            &[
                ("email", "mara@example.org"),
                ("password", PASSWORD),
                ("setup_token", &token),
            ],
        )
        .await;
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-studyin_session="), "{cookie}");
    assert!(cookie.contains("; Secure"), "{cookie}");
    assert!(
        answer
            .headers()
            .contains_key(header::STRICT_TRANSPORT_SECURITY)
    );
}

#[tokio::test]
async fn a_session_unused_for_thirty_days_has_ended_and_a_used_one_lives_on() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let jon = app.sign_up("jon@example.org").await;
    app.advance(TimeDelta::days(20));
    let renewed = jon.get("/").await;
    assert!(
        renewed.headers().contains_key(header::SET_COOKIE),
        "a used session's cookie is renewed"
    );
    assert!(
        !jon.get("/")
            .await
            .headers()
            .contains_key(header::SET_COOKIE),
        "but not with every request"
    );
    app.advance(TimeDelta::days(11));
    assert!(!mara.is_signed_in().await);
    assert!(jon.is_signed_in().await);
}

#[tokio::test]
async fn a_changed_password_ends_every_other_session_at_once() {
    let app = spawn_app().await;
    let here = app.sign_up("mara@example.org").await;
    let elsewhere = app.visitor();
    elsewhere.try_sign_in("mara@example.org", PASSWORD).await;
    assert!(elsewhere.is_signed_in().await);

    let wrong = here
        .post_form(
            "/settings/password",
            &[
                ("current_password", "not this one"),
                ("new_password", "another quiet desk"),
            ],
        )
        .await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = wrong.text().await.unwrap();
    assert!(page.contains("current password is not that one"), "{page}");
    assert!(elsewhere.is_signed_in().await);

    let weak = here
        .post_form(
            "/settings/password",
            &[
                ("current_password", PASSWORD),
                ("new_password", "password1"),
            ],
        )
        .await;
    assert_eq!(weak.status(), StatusCode::UNPROCESSABLE_ENTITY);

    let changed = here
        .post_form(
            "/settings/password",
            &[
                ("current_password", PASSWORD),
                ("new_password", "another quiet desk"),
            ],
        )
        .await;
    assert_eq!(location(&changed), "/settings?changed");
    assert!(here.is_signed_in().await);
    assert!(!elsewhere.is_signed_in().await);
    let old = elsewhere.try_sign_in("mara@example.org", PASSWORD).await;
    assert_eq!(old.status(), StatusCode::UNAUTHORIZED);
    let new = elsewhere
        .try_sign_in("mara@example.org", "another quiet desk")
        .await;
    assert_eq!(new.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_refused_form_comes_back_with_the_reason_and_the_address_but_no_password() {
    let app = spawn_app().await;
    app.sign_up("mara@example.org").await;
    let visitor = app.visitor();
    for (email, password, reason) in [
        ("new@example.org", "q7!", "too short"),
        ("new@example.org", "Password123", "first anybody would try"),
        (
            "no-address",
            PASSWORD,
            "does not look like an e-mail address",
        ),
        ("mara@example.org", PASSWORD, "already an account"),
    ] {
        let answer = visitor.try_sign_up(email, password).await;
        assert_eq!(
            answer.status(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "{reason}"
        );
        assert!(!answer.headers().contains_key(header::SET_COOKIE));
        let page = answer.text().await.unwrap();
        assert!(page.contains(reason), "{reason}: {page}");
        assert!(page.contains(email));
        assert!(!page.contains(password));
    }
    let answer = visitor
        .try_sign_in("mara@example.org", "wrong words entirely")
        .await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let known = answer.text().await.unwrap();
    assert!(known.contains("do not belong together"));
    let unknown = visitor
        .try_sign_in("nobody@example.org", "wrong words entirely")
        .await;
    assert_eq!(unknown.status(), StatusCode::UNAUTHORIZED);
    assert!(
        unknown
            .text()
            .await
            .unwrap()
            .contains("do not belong together"),
        "an unknown account is refused in the same words"
    );
}

#[tokio::test]
async fn the_time_zone_comes_from_the_browser_when_it_is_one() {
    let app = spawn_app().await;
    for (email, sent, kept) in [
        ("a@example.org", "Europe/Berlin", "Europe/Berlin"),
        ("b@example.org", "Mars/Olympus", "UTC"),
    ] {
        let client = app.visitor();
        client
            .post_form(
                "/signup",
                &[
                    ("email", email),
                    ("password", PASSWORD),
                    ("time_zone", sent),
                ],
            )
            .await;
        assert_eq!(client.profile().await["time_zone"], kept);
    }
}

#[tokio::test]
async fn ten_failures_close_an_account_for_a_while_and_say_until_when() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let guesser = app.visitor();
    for _ in 0..10 {
        let answer = guesser
            .try_sign_in("mara@example.org", "a wrong guess")
            .await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    let closed = guesser.try_sign_in("mara@example.org", PASSWORD).await;
    assert_eq!(closed.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = closed.headers()[header::RETRY_AFTER]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
    assert!(
        closed
            .text()
            .await
            .unwrap()
            .contains("Try again in 15 minutes")
    );
    assert!(mara.is_signed_in().await, "her own session is not touched");

    app.advance(TimeDelta::minutes(16));
    let open = guesser.try_sign_in("mara@example.org", PASSWORD).await;
    assert_eq!(open.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn thirty_failures_from_one_address_close_it_for_every_account() {
    let app = spawn_app().await;
    app.sign_up("mara@example.org").await;
    let guesser = app.visitor();
    for guess in 0..30 {
        let email = format!("student{guess}@example.org");
        let answer = guesser.try_sign_in(&email, "a wrong guess").await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    let closed = guesser.try_sign_in("mara@example.org", PASSWORD).await;
    assert_eq!(closed.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn sign_ups_from_one_address_have_a_rate() {
    let app = spawn_app_with(&[("SIGNUPS_PER_HOUR", "2")], |_| {}).await;
    app.sign_up("a@example.org").await;
    app.sign_up("b@example.org").await;
    let third = app.visitor().try_sign_up("c@example.org", PASSWORD).await;
    assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(third.headers().contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn closed_sign_ups_let_in_the_owner_and_nobody_else() {
    let app = spawn_app_with(&[("SIGNUPS", "closed")], |_| {}).await;
    let owner = app.sign_up("owner@example.org").await;
    assert_eq!(owner.profile().await["role"], "owner");
    let next = app.visitor().try_sign_up("b@example.org", PASSWORD).await;
    assert_eq!(next.status(), StatusCode::FORBIDDEN);
    assert!(next.text().await.unwrap().contains("cannot be made"));
}

#[tokio::test]
async fn beyond_this_machine_the_owner_needs_the_token_from_the_log() {
    let app = spawn_app_with(&[("HOST", "0.0.0.0")], |_| {}).await;
    let visitor = app.visitor();
    let token = app.setup_token.clone().unwrap();
    for wrong in ["", "guess", &token[1..]] {
        let answer = visitor
            .post_form(
                "/signup",
                &[
                    ("email", "a@example.org"),
                    ("password", PASSWORD),
                    ("setup_token", wrong),
                ],
            )
            .await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert!(answer.text().await.unwrap().contains("set-up token"));
    }
    let answer = visitor
        .post_form(
            "/signup",
            &[
                ("email", "a@example.org"),
                ("password", PASSWORD),
                ("setup_token", &token),
            ],
        )
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(visitor.profile().await["role"], "owner");
    let second = app.sign_up("b@example.org").await;
    assert_eq!(
        second.profile().await["role"],
        "student",
        "only the first needs it"
    );
}

#[tokio::test]
async fn sessions_outlive_a_restart_and_end_with_a_reset_password() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let cookie = mara.cookie();
    let folder = app.stop().await;

    let app = spawn_app_in(folder, &[], |_| {}).await;
    let mara = app.visitor();
    mara.set_cookie(cookie);
    assert!(mara.is_signed_in().await);

    // Waited for without blocking: the application runs on this thread, and one of its writes may
    // have to end before the tool's can begin.
    let tool = async |email: &str| {
        Command::new(env!("CARGO_BIN_EXE_server"))
            .args(["reset-password", email])
            .env("DATA_DIR", &app.data_dir)
            .current_dir(&app.data_dir)
            .output()
            .await
            .unwrap()
    };
    assert!(!tool("nobody@example.org").await.status.success());
    let reset = tool("mara@example.org").await;
    let printed = String::from_utf8(reset.stdout).unwrap();
    assert!(
        reset.status.success(),
        "{}",
        String::from_utf8_lossy(&reset.stderr)
    );
    let password = printed
        .lines()
        .find_map(|line| line.strip_prefix("New password: "))
        .unwrap();
    assert!(!mara.is_signed_in().await);
    let answer = mara.try_sign_in("mara@example.org", password).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
}
