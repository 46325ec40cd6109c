//! The program: reads the settings, builds the application, runs it until it is asked to stop.
//! Also the owner's tools, and the sandboxed child that reads one document.

use secrecy::ExposeSecret as _;
use server::{
    Application, DATABASE_FILE,
    accounts::{Accounts, Policy},
    analytics::recount::{self, Recounted},
    backup,
    clock::Clock,
    config::Config,
    eval::{
        self,
        seed::{Seed, seed_command},
    },
    ingest::{self, files::Files},
    memory, render,
    store::Db,
    telemetry,
};
use std::{error::Error, ffi::OsString, path::Path, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

const USAGE: &str = "\
Studyin: a self-hosted study platform that answers from your own pages.

Usage:
  server                        serve; settings come from the environment and .env (see .env.example)
  server backup FILE            write a consistent copy of all data to FILE (a tar archive), also while serving
  server reset-password EMAIL   give an account a new password, print it once, end its sessions
  server rebuild-activity [--user EMAIL]
                                count study time, XP, streaks and achievements again from what was recorded
  server sweep                  look for files and rows left behind, remove what nobody can reach, print the counts
  server extract FILE           print a document's text as JSON lines, one per page
  server render FILE PAGE WIDTH print the picture of a PDF's page (PNG), 200, 900 or 1800 pixels wide
  server --version | --help";

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let command = args.next();
    match command.as_deref().and_then(|command| command.to_str()) {
        // Before anything else: the child runs with an empty environment and little memory.
        Some("extract") => ingest::extract::extract_command(args),
        Some("recognise") => ingest::ocr::recognise_command(args),
        Some("render") => render::render_command(args),
        Some("--help" | "-h" | "help") => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Some("--version" | "-V") => {
            println!("studyin {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Some("backup") => with_one(args, "FILE", |file, config| {
            Box::pin(async move { back_up(&config, Path::new(&file)).await })
        }),
        Some("reset-password") => with_one(args, "EMAIL", |email, config| {
            Box::pin(async move { reset_password(&config, &email.to_string_lossy()).await })
        }),
        // For those who work on the search: what `make eval` runs.
        Some("eval") => match eval::Options::parse(args) {
            Ok(options) => with_config(|config| {
                Box::pin(async move { Ok(eval::eval_command(options, &config).await?) })
            }),
            Err(error) => {
                eprintln!("Usage: {error}");
                ExitCode::from(2)
            }
        },
        // For those who measure: what `make bench-backend` starts from.
        Some("seed") => match Seed::parse(args) {
            Ok(seed) => with_config(|_| Box::pin(async move { Ok(seed_command(seed).await?) })),
            Err(error) => {
                eprintln!("Usage: {error}");
                ExitCode::from(2)
            }
        },
        Some("rebuild-activity") => match one_user(args) {
            Ok(email) => with_config(|config| {
                Box::pin(async move { rebuild_activity(&config, email.as_deref()).await })
            }),
            Err(()) => {
                eprintln!("This command takes nothing, or --user EMAIL.\n\n{USAGE}");
                ExitCode::from(2)
            }
        },
        Some("sweep") => with_config(|config| Box::pin(async move { sweep(&config).await })),
        None if command.is_none() => {
            memory::give_back_what_is_free();
            with_config(|config| Box::pin(serve(config)))
        }
        _ => {
            eprintln!("There is no such command.\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;
type Work = std::pin::Pin<Box<dyn Future<Output = Outcome>>>;

/// Runs a command that takes exactly one argument.
fn with_one(
    mut args: impl Iterator<Item = OsString>,
    what: &str,
    work: impl FnOnce(OsString, Config) -> Work,
) -> ExitCode {
    match (args.next(), args.next()) {
        (Some(argument), None) => with_config(|config| work(argument, config)),
        _ => {
            eprintln!("This command takes one {what}.\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Reads the settings and runs `work` with them.
fn with_config(work: impl FnOnce(Config) -> Work) -> ExitCode {
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => {
            eprintln!("A setting cannot be used: {error}");
            return ExitCode::from(2);
        }
    };
    telemetry::start(&config.log);
    // Fails only when it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(work(config)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> Outcome {
    let application = Application::build(config, Clock::system()).await?;
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        asked.cancel();
    });
    println!("Studyin is ready at {}", application.url());
    // Said whatever the log level: without it nobody could make the first account.
    if let Some(token) = application.setup_token() {
        println!(
            "No account yet: sign up with the set-up token {} to become the owner.",
            token.expose_secret()
        );
    }
    application.run(stop).await;
    Ok(())
}

async fn back_up(config: &Config, file: &Path) -> Outcome {
    let copied = backup::write(&config.data_dir, &config.storage, file).await?;
    println!(
        "Wrote {} ({} files). To restore: stop the server, then `tar -xf {}` in an empty DATA_DIR.",
        file.display(),
        copied.files,
        file.display(),
    );
    Ok(())
}

async fn sweep(config: &Config) -> Outcome {
    let database = config.data_dir.join(DATABASE_FILE);
    if !database.is_file() {
        return Err(format!("There is no database at {}.", database.display()).into());
    }
    let db = Db::open(&database).await?;
    let files = Files::open_with(&config.data_dir, &config.storage).await?;
    let found = ingest::sweep::sweep(&db, &files, &Clock::system()).await;
    db.close().await;
    println!("{}", found?);
    Ok(())
}

/// Nothing, or `--user EMAIL`.
fn one_user(mut args: impl Iterator<Item = OsString>) -> Result<Option<String>, ()> {
    match (args.next(), args.next(), args.next()) {
        (None, ..) => Ok(None),
        (Some(option), Some(email), None) if option == "--user" => {
            Ok(Some(email.to_string_lossy().into_owned()))
        }
        _ => Err(()),
    }
}

async fn rebuild_activity(config: &Config, email: Option<&str>) -> Outcome {
    let database = config.data_dir.join(DATABASE_FILE);
    if !database.is_file() {
        return Err(format!("There is no database at {}.", database.display()).into());
    }
    let db = Db::open(&database).await?;
    let rebuilt = recount::recount_all(&db, email).await;
    db.close().await;
    let Recounted {
        students,
        events,
        days,
    } = rebuilt?;
    if email.is_some() && students == 0 {
        return Err("There is no account with that e-mail address.".into());
    }
    println!("Counted again: {students} students, {days} days from {events} events.");
    Ok(())
}

async fn reset_password(config: &Config, email: &str) -> Outcome {
    let database = config.data_dir.join(DATABASE_FILE);
    if !database.is_file() {
        return Err(format!("There is no database at {}.", database.display()).into());
    }
    let db = Db::open(&database).await?;
    let accounts = Accounts::new(db.clone(), Clock::system(), Policy::default());
    let password = accounts.reset_password(email).await;
    db.close().await;
    match password? {
        Some(password) => {
            println!(
                "New password: {}\nEvery session of the account has ended. Change the password in the settings after signing in.",
                password.expose_secret()
            );
            Ok(())
        }
        None => Err("There is no account with that e-mail address.".into()),
    }
}
