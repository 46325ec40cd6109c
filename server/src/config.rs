//! The settings, as one typed value read once at the start.
//! The only file that reads the environment; it opens nothing and connects to nothing.
//!
//! A wrong setting stops the start and names the variable, what is wrong with it, and an example.

mod settings;

use crate::{
    cache::CacheConfig,
    provider::{EmbedderConfig, chat::ChatConfig},
};
use secrecy::SecretString;
use settings::Settings;
use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf};

/// Bytes in the MB that settings are given in.
const MB: u64 = 1024 * 1024;
/// Folder under `DATA_DIR` where `make setup` puts the embedding model.
const MODEL_FOLDER: &str = "models/all-MiniLM-L6-v2";

/// Everything an operator can set. `.env.example` explains each.
#[derive(Clone, Debug)]
pub struct Config {
    pub addr: SocketAddr,
    pub data_dir: PathBuf,
    /// Where students reach the server, when that is not simply its address.
    pub public_url: Option<PublicUrl>,
    /// Where browsers load the built files from, if not from this server.
    pub assets: Option<AssetBase>,
    pub signups: Signups,
    pub log: LogConfig,
    /// Most bytes one uploaded file may have.
    pub file_max_bytes: u64,
    /// Most bytes one student's files may have together.
    pub user_max_bytes: u64,
    /// Most documents one student may have.
    pub user_max_materials: u32,
    pub chat: ChatConfig,
    pub embedder: EmbedderConfig,
    pub storage: StorageConfig,
    pub cache: CacheConfig,
    pub rates: Rates,
    pub model_dir: PathBuf,
    /// The folder with the built site (`pkg/` and the public files).
    pub site_root: PathBuf,
    /// Whether the address of a client is taken from `X-Forwarded-For`.
    pub trust_proxy: bool,
    /// Started by cargo-leptos, which hands Leptos its own settings.
    pub under_cargo_leptos: bool,
    /// The program that `ingest` runs as `PROGRAM extract FILE`; this very binary.
    pub extractor: PathBuf,
}

impl Config {
    /// Whether students reach the server over https.
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.https)
    }
}

/// The address in front of the server, such as a reverse proxy's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    pub https: bool,
    /// Host, and port if it is not the scheme's own; lower case.
    pub authority: String,
}

/// Another origin that serves this build's `/pkg`, such as a CDN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetBase {
    /// Scheme, host and perhaps port: what a browser connects to.
    pub origin: String,
    /// What comes before `/pkg`, without a slash at its end.
    pub base: String,
}

impl PublicUrl {
    /// The host without its port.
    pub fn host(&self) -> &str {
        host_of(&self.authority)
    }
}

/// `host` of `host:port`, with brackets around an IPv6 address left in place.
pub fn host_of(authority: &str) -> &str {
    let after_brackets = authority.rfind(']').map_or(0, |at| at + 1);
    authority[after_brackets..]
        .find(':')
        .map_or(authority, |at| &authority[..after_brackets + at])
}

/// Whether strangers may make accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signups {
    Open,
    /// Only the first account can be made.
    Closed,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct LogConfig {
    pub format: LogFormat,
    /// A filter such as `info` or `info,server::ingest=debug`.
    pub level: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Where the original files are stored.
#[derive(Clone, Debug)]
pub enum StorageConfig {
    /// In `DATA_DIR`.
    Local,
    S3(S3Config),
}

/// A bucket of a service that speaks S3.
#[derive(Clone, Debug)]
pub struct S3Config {
    pub bucket: String,
    /// `None` is Amazon's own.
    pub endpoint: Option<reqwest::Url>,
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: SecretString,
    /// What the names of all objects begin with; may be empty.
    pub prefix: String,
}

/// Rates that keep one student, or one address, from taking the whole server.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    pub questions_per_minute: NonZeroU32,
    pub uploads_per_minute: NonZeroU32,
    pub searches_per_minute: NonZeroU32,
    pub sign_ups_per_hour: NonZeroU32,
}

/// A setting that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}. Example: {example}")]
pub struct ConfigError {
    pub name: &'static str,
    pub problem: String,
    pub example: String,
}

impl Config {
    /// Reads `.env` of the working directory if there is one, then the environment, which wins.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    #[allow(clippy::disallowed_methods)]
    pub fn from_env() -> Result<Self, ConfigError> {
        match dotenvy::from_path(".env") {
            Ok(()) => {}
            Err(error) if error.not_found() => {}
            Err(error) => {
                return Err(ConfigError {
                    name: ".env",
                    problem: format!("cannot be read: {error}"),
                    example: "see .env.example; a value with spaces needs quotes".to_owned(),
                });
            }
        }
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the settings from wherever `lookup` finds them.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let from = Settings { lookup: &lookup };
        let data_dir = PathBuf::from(from.text("DATA_DIR").unwrap_or_else(|| "./data".to_owned()));
        let model_dir = from
            .text("MODEL_DIR")
            .map_or_else(|| data_dir.join(MODEL_FOLDER), PathBuf::from);
        let file_max_bytes = from.number("FILE_MAX_MB", 50_u64, 1..=2_048)? * MB;
        let user_max_bytes = from.number("USER_MAX_MB", 5_120_u64, 1..=1_048_576)? * MB;
        if user_max_bytes < file_max_bytes {
            return Err(ConfigError {
                name: "USER_MAX_MB",
                problem: "is smaller than FILE_MAX_MB, so that no largest file would ever fit"
                    .to_owned(),
                example: "USER_MAX_MB=5120".to_owned(),
            });
        }
        Ok(Self {
            addr: SocketAddr::new(from.host()?, from.number("PORT", 3_000_u16, 0..=65_535)?),
            data_dir,
            public_url: from.public_url()?,
            assets: from.asset_base_url()?,
            signups: from.choice(
                "SIGNUPS",
                &[("open", Signups::Open), ("closed", Signups::Closed)],
            )?,
            log: LogConfig {
                format: from.choice(
                    "LOG_FORMAT",
                    &[("text", LogFormat::Text), ("json", LogFormat::Json)],
                )?,
                level: from.log_level()?,
            },
            file_max_bytes,
            user_max_bytes,
            user_max_materials: from.number("USER_MAX_MATERIALS", 1_000_u32, 1..=100_000)?,
            chat: from.chat()?,
            embedder: from.embedder()?,
            storage: from.storage()?,
            cache: from.cache()?,
            rates: Rates {
                questions_per_minute: from.rate("QUESTIONS_PER_MINUTE", 20)?,
                uploads_per_minute: from.rate("UPLOADS_PER_MINUTE", 30)?,
                searches_per_minute: from.rate("SEARCHES_PER_MINUTE", 120)?,
                sign_ups_per_hour: from.rate("SIGNUPS_PER_HOUR", 60)?,
            },
            model_dir,
            site_root: from
                .text("SITE_ROOT")
                .map_or_else(default_site_root, PathBuf::from),
            trust_proxy: from.choice("TRUST_PROXY", &[("no", false), ("yes", true)])?,
            under_cargo_leptos: from.text("LEPTOS_SITE_ROOT").is_some(),
            extractor: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("server")),
        })
    }
}

/// The site lies beside the build's own folder (`target/release/server`, `target/site`), or where
/// the program is started.
fn default_site_root() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|program| Some(program.parent()?.parent()?.join("site")))
        .filter(|site| site.is_dir())
        .unwrap_or_else(|| PathBuf::from("target/site"))
}

/// Where the commands of this machine are looked for.
pub fn search_path() -> Option<std::ffi::OsString> {
    std::env::var_os("PATH")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| {
            settings
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_set_gives_the_defaults() {
        let config = read(&[]).unwrap();
        assert_eq!(config.addr.to_string(), "127.0.0.1:3000");
        assert_eq!(config.file_max_bytes, 50 * MB);
        assert!(config.model_dir.ends_with("data/models/all-MiniLM-L6-v2"));
        assert!(matches!(config.chat, ChatConfig::Builtin));
        assert!(!config.is_https());
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_problem_and_an_example() {
        for (name, value) in [
            ("PORT", "eighty"),
            ("PORT", "70000"),
            ("HOST", "example.org"),
            ("SIGNUPS", "maybe"),
            ("LOG_FORMAT", "xml"),
            ("LOG_LEVEL", "server=loud"),
            ("FILE_MAX_MB", "0"),
            ("USER_MAX_MB", "10"),
            ("USER_MAX_MATERIALS", "0"),
            ("PUBLIC_URL", "study.example.org"),
            ("PUBLIC_URL", "https://example.org/study"),
            ("QUESTIONS_PER_MINUTE", "-1"),
            ("CHAT_PROVIDER", "parrot"),
            ("EMBEDDER", "crystal"),
            ("TRUST_PROXY", "perhaps"),
            ("STORAGE", "cloud"),
            ("CACHE", "perhaps"),
            ("REDIS_URL", "127.0.0.1:6379"),
            ("CACHE_RAG_SECONDS", "0"),
            ("CACHE_SIMILAR_PERCENT", "101"),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert_eq!(error.name, name, "{value}");
            assert!(error.to_string().contains("Example: "), "{error}");
        }
    }

    #[test]
    fn openai_without_a_model_is_refused_and_so_are_settings_that_do_nothing() {
        let error = read(&[("CHAT_PROVIDER", "openai")]).unwrap_err();
        assert_eq!(error.name, "OPENAI_MODEL");
        let error = read(&[("OPENAI_MODEL", "llama3.1:8b")]).unwrap_err();
        assert_eq!(error.name, "CHAT_PROVIDER");
    }

    #[test]
    fn a_remote_embedder_needs_its_settings_and_the_builtin_one_refuses_them() {
        let name = |settings: &[_]| read(settings).unwrap_err().name;
        assert_eq!(name(&[("EMBEDDER", "openai")]), "EMBEDDING_MODEL");
        assert_eq!(name(&[("EMBEDDER", "gemini")]), "EMBEDDING_API_KEY");
        assert_eq!(name(&[("EMBEDDING_MODEL", "nomic-embed-text")]), "EMBEDDER");
        let gemini = ("EMBEDDER", "gemini");
        let key = ("EMBEDDING_API_KEY", "secret-key");
        assert_eq!(
            name(&[gemini, key, ("EMBEDDING_DIMENSIONS", "0")]),
            "EMBEDDING_DIMENSIONS"
        );
        assert_eq!(
            name(&[gemini, key, ("EMBEDDING_BASE_URL", "host")]),
            "EMBEDDING_BASE_URL"
        );
        let config = read(&[gemini, key]).unwrap();
        let EmbedderConfig::Remote(remote) = &config.embedder else {
            panic!("{:?}", config.embedder);
        };
        assert_eq!(remote.model, "gemini-embedding-001");
        assert_eq!(remote.dimensions, Some(768));
        assert!(!format!("{config:?}").contains("secret-key"));
    }

    #[test]
    fn s3_needs_its_settings_and_local_storage_refuses_them() {
        let name = |settings: &[_]| read(settings).unwrap_err().name;
        assert_eq!(name(&[("S3_BUCKET", "studyin")]), "STORAGE");
        assert_eq!(name(&[("S3_SECRET_ACCESS_KEY", "k")]), "STORAGE");
        let whole = [
            ("STORAGE", "s3"),
            ("S3_BUCKET", "studyin"),
            ("S3_ACCESS_KEY_ID", "id"),
            ("S3_SECRET_ACCESS_KEY", "very-secret"),
        ];
        for missing in 1..whole.len() {
            let rest = [&whole[..missing], &whole[missing + 1..]].concat();
            assert_eq!(name(&rest), whole[missing].0);
        }
        for (wrong, value) in [
            ("S3_BUCKET", "Study in"),
            ("S3_ENDPOINT", "127.0.0.1:9000"),
            ("S3_ENDPOINT", "http://id:key@127.0.0.1:9000"),
            ("S3_ENDPOINT", "http://127.0.0.1:9000/studyin"),
            ("S3_REGION", "eu central"),
            ("S3_PREFIX", "a//b"),
            ("S3_PREFIX", "../b"),
        ] {
            let mut settings = whole.to_vec();
            settings.retain(|(name, _)| *name != wrong);
            settings.push((wrong, value));
            assert_eq!(name(&settings), wrong, "{value}");
        }
        let config = read(&whole).unwrap();
        assert!(!format!("{config:?}").contains("very-secret"));
        let StorageConfig::S3(s3) = config.storage else {
            panic!("it is in a bucket");
        };
        assert_eq!((s3.region.as_str(), s3.prefix.as_str()), ("us-east-1", ""));
    }

    #[test]
    fn the_caches_are_as_the_settings_say() {
        let cache = |settings: &[_]| read(settings).unwrap().cache;
        assert!(cache(&[]).is_on && cache(&[]).redis.is_none());
        assert!(!cache(&[("CACHE", "off")]).is_on);
        assert_eq!(cache(&[]).similar_questions, None);
        let similar = cache(&[("CACHE_SIMILAR_PERCENT", "97")]);
        assert_eq!(similar.similar_questions, Some(0.97));
        let two = "redis://u:very-secret@10.0.0.1:6379, redis://10.0.0.2:6379";
        let config = read(&[("REDIS_URL", two), ("CACHE_PROFILE_SECONDS", "7")]).unwrap();
        assert!(!format!("{config:?}").contains("very-secret"));
        assert_eq!(config.cache.redis.unwrap().urls.len(), 2);
        let ttl = config.cache.ttls.of(crate::cache::Namespace::Profile);
        assert_eq!(ttl.as_secs(), 7);
        let error = read(&[("REDIS_URL", "http://:very-secret@h")]).unwrap_err();
        assert!(!error.to_string().contains("very-secret"));
    }

    #[test]
    fn the_key_is_not_shown_when_the_settings_are_printed() {
        let config = read(&[
            ("CHAT_PROVIDER", "openai"),
            ("OPENAI_MODEL", "m"),
            ("OPENAI_API_KEY", "sk-very-secret"),
        ])
        .unwrap();
        assert!(!format!("{config:?}").contains("sk-very-secret"));
    }

    #[test]
    fn a_foreign_place_of_the_page_files_is_an_origin_and_a_folder() {
        let assets = |text| read(&[("ASSET_BASE_URL", text)]).map(|config| config.assets.unwrap());
        let plain = assets("https://CDN.example.org/").unwrap();
        assert_eq!(plain.base, "https://cdn.example.org");
        let folder = assets("http://127.0.0.1:9000/studyin/").unwrap();
        assert_eq!(folder.origin, "http://127.0.0.1:9000");
        assert_eq!(folder.base, "http://127.0.0.1:9000/studyin");
        for wrong in [
            "cdn.example.org",
            "//cdn",
            "https://a/;script-src",
            "https://a/b?c",
            "https://u:p@a",
        ] {
            assert!(assets(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_public_address_loses_its_own_port_and_keeps_another() {
        let url = |text| read(&[("PUBLIC_URL", text)]).unwrap().public_url.unwrap();
        assert_eq!(
            url("https://Study.example.org:443/").authority,
            "study.example.org"
        );
        let other = url("http://study.example.org:8080");
        assert_eq!(other.authority, "study.example.org:8080");
        assert_eq!(other.host(), "study.example.org");
        assert_eq!(host_of("[::1]:3000"), "[::1]");
        assert_eq!(host_of("[::1]"), "[::1]");
    }
}
