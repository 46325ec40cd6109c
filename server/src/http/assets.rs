//! The built files every page begins with: their addresses, and the header that has a browser, or a
//! proxy in front of it, send for them before it has read the page. It knows no page.

use crate::config::AssetBase;
use app::ports::{BuiltFile, PageFiles};
use axum::http::HeaderValue;
use leptos::config::LeptosOptions;
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// Beside `/pkg`: the checksum of every file in it, by its name.
const CHECKSUMS_FILE: &str = "integrity.json";
/// Where the chart library lies while its name carries no hash.
const CHARTS_UNNAMED: &str = "/vendor/echarts.js";

/// Where the style sheet, the main script and its WASM are. Read once: they are this build's.
#[derive(Clone, Debug)]
pub struct Assets {
    /// What every page is told of them.
    pub files: Arc<PageFiles>,
    /// `Link` of a page without scripts.
    plain: HeaderValue,
    /// `Link` of a page with scripts.
    whole: HeaderValue,
}

impl Assets {
    /// Finds the names where the build has left their hashes, and the checksums that are needed where
    /// another server hands the files on.
    pub fn find(options: &LeptosOptions, place: Option<&AssetBase>) -> Self {
        let hashes = if options.hash_files {
            std::env::current_exe()
                .ok()
                .and_then(|program| Some(program.parent()?.join(&*options.hash_file)))
                .and_then(|file| std::fs::read_to_string(file).ok())
                .unwrap_or_default()
        } else {
            String::new()
        };
        let checksums = if place.is_some() {
            checksums(&Path::new(&*options.site_root).join(CHECKSUMS_FILE))
        } else {
            BTreeMap::new()
        };
        let names = Names {
            name: &options.output_name,
            folder: &options.site_pkg_dir,
            hashes: &hashes,
        };
        Self::named(&names, &checksums, place)
    }

    fn named(
        names: &Names<'_>,
        checksums: &BTreeMap<String, String>,
        place: Option<&AssetBase>,
    ) -> Self {
        let base = place.map_or("", |place| place.base.as_str());
        let folder = names.folder;
        let built = |file: String| BuiltFile {
            integrity: checksums.get(&file).cloned(),
            address: format!("{base}/{folder}/{file}"),
        };
        let [style, script, wasm] = ["css", "js", "wasm"]
            .map(|kind| built(format!("{}{}.{kind}", names.name, names.hash_of(kind))));
        let list = names.hash_of("manifest");
        let charts = match names.hash_of("charts") {
            hash if hash.is_empty() => BuiltFile {
                address: CHARTS_UNNAMED.to_owned(),
                integrity: None,
            },
            hash => built(format!("echarts{hash}.js")),
        };
        // Only what lies elsewhere is fetched with a checksum, and for other eyes than a cookie's.
        let terms = |file: &BuiltFile| match (place, &file.integrity) {
            (None, _) => String::new(),
            (Some(_), None) => "; crossorigin".to_owned(),
            (Some(_), Some(sum)) => format!("; crossorigin; integrity=\"{sum}\""),
        };
        let reach = place
            .map(|place| format!("<{}>; rel=preconnect; crossorigin, ", place.origin))
            .unwrap_or_default();
        let plain = format!(
            "{reach}<{}>; rel=preload; as=style{}",
            style.address,
            terms(&style)
        );
        // A module that is taken in before the page's import map would never be checked, so a script
        // from elsewhere is only fetched.
        let role = match place {
            None => "modulepreload".to_owned(),
            Some(_) => format!("preload; as=script{}", terms(&script)),
        };
        // No checksum here: browsers look at none until the page's own script asks for it.
        let whole = format!(
            "{plain}, <{}>; rel={role}, \
             <{}>; rel=preload; as=fetch; type=\"application/wasm\"; crossorigin",
            script.address, wasm.address
        );
        let header =
            |text: String| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        let import_map = (!checksums.is_empty()).then(|| {
            let by_address: BTreeMap<_, _> = checksums
                .iter()
                .map(|(file, sum)| (format!("{base}/{folder}/{file}"), sum))
                .collect();
            serde_json::json!({ "integrity": by_address }).to_string()
        });
        Self {
            plain: header(plain),
            whole: header(whole),
            files: Arc::new(PageFiles {
                root: place.map(|place| place.base.clone()),
                style,
                charts,
                chunks: format!("{base}/{folder}/__wasm_split_manifest{list}.json"),
                checksums: import_map,
            }),
        }
    }

    /// What a page sends for early.
    pub fn link(&self, has_scripts: bool) -> HeaderValue {
        if has_scripts {
            self.whole.clone()
        } else {
            self.plain.clone()
        }
    }
}

/// How the build has called its files.
struct Names<'a> {
    name: &'a str,
    /// The folder's name in addresses.
    folder: &'a str,
    /// Lines such as `css: WG5w...`; a file without one has none in its name.
    hashes: &'a str,
}

impl Names<'_> {
    /// The hash as it stands in a name, with its dot.
    fn hash_of(&self, what: &str) -> String {
        self.hashes
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(of, _)| of.trim() == what)
            .map(|(_, hash)| ".".to_owned() + hash.trim())
            .unwrap_or_default()
    }
}

/// The checksums the build has left; without them pages work, and trust the other server.
fn checksums(file: &Path) -> BTreeMap<String, String> {
    let read = std::fs::read(file).map_err(|error| error.to_string());
    let read =
        read.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
    read.unwrap_or_else(|error| {
        let file = file.display();
        tracing::warn!(%file, error, "browsers cannot check the files of ASSET_BASE_URL");
        BTreeMap::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASHES: &str = "js: AAA\nwasm: BBB\ncss: CCC\ncharts: DDD\n";

    fn assets(hashes: &str, checksums: &[(&str, &str)], place: Option<&AssetBase>) -> Assets {
        let names = Names {
            name: "app",
            folder: "pkg",
            hashes,
        };
        let checksums = checksums
            .iter()
            .map(|(file, sum)| ((*file).to_owned(), (*sum).to_owned()))
            .collect();
        Assets::named(&names, &checksums, place)
    }

    fn elsewhere() -> AssetBase {
        AssetBase {
            origin: "https://cdn.example.org".into(),
            base: "https://cdn.example.org/x".into(),
        }
    }

    #[test]
    fn a_page_without_scripts_sends_for_none() {
        let assets = assets(HASHES, &[], None);
        assert_eq!(assets.files.style.address, "/pkg/app.CCC.css");
        assert_eq!(assets.files.charts.address, "/pkg/echarts.DDD.js");
        assert_eq!(
            assets.link(false),
            "</pkg/app.CCC.css>; rel=preload; as=style"
        );
        let whole = assets.link(true);
        let whole = whole.to_str().unwrap();
        assert!(
            whole.contains("</pkg/app.AAA.js>; rel=modulepreload"),
            "{whole}"
        );
        assert!(
            whole.contains("</pkg/app.BBB.wasm>; rel=preload; as=fetch"),
            "{whole}"
        );
    }

    #[test]
    fn names_without_hashes_are_those_of_a_build_under_way() {
        let files = assets("", &[], None).files;
        assert_eq!(files.style.address, "/pkg/app.css");
        assert_eq!(files.charts.address, CHARTS_UNNAMED);
        assert_eq!(files.chunks, "/pkg/__wasm_split_manifest.json");
    }

    #[test]
    fn files_elsewhere_are_connected_to_first_and_checked() {
        let sums = [
            ("app.CCC.css", "sha256-style"),
            ("app.AAA.js", "sha256-script"),
        ];
        let assets = assets(HASHES, &sums, Some(&elsewhere()));
        let files = &assets.files;
        let base = "https://cdn.example.org/x/pkg";
        assert_eq!(files.style.address, format!("{base}/app.CCC.css"));
        assert_eq!(files.style.integrity.as_deref(), Some("sha256-style"));
        assert_eq!(files.charts.address, format!("{base}/echarts.DDD.js"));
        let map = serde_json::json!({ "integrity": {
            format!("{base}/app.CCC.css"): "sha256-style",
            format!("{base}/app.AAA.js"): "sha256-script",
        }});
        assert_eq!(files.checksums.as_deref(), Some(&*map.to_string()));
        let link = assets.link(true);
        let link = link.to_str().unwrap();
        assert!(link.starts_with("<https://cdn.example.org>; rel=preconnect"));
        let script =
            "app.AAA.js>; rel=preload; as=script; crossorigin; integrity=\"sha256-script\"";
        assert!(link.contains(script), "{link}");
        assert!(!link.contains("modulepreload"), "{link}");
    }

    #[test]
    fn files_of_this_server_need_no_checking() {
        let files = assets(HASHES, &[], None).files;
        assert_eq!(
            (files.checksums.as_ref(), files.root.as_ref()),
            (None, None)
        );
    }
}
