//! The built files every page begins with: their addresses, and the header that has a browser, or a
//! proxy in front of it, send for them before it has read the page. It knows no page.

use crate::config::AssetBase;
use axum::http::HeaderValue;
use leptos::config::LeptosOptions;

/// Where the style sheet, the main script and its WASM are. Read once: they are this build's.
#[derive(Clone, Debug)]
pub struct Assets {
    pub style: String,
    /// The list of each lazy page's files.
    pub chunks: String,
    /// `Link` of a page without scripts.
    plain: HeaderValue,
    /// `Link` of a page with scripts.
    whole: HeaderValue,
}

impl Assets {
    /// Finds the names where the build has left their hashes.
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
        Self::named(&options.output_name, &options.site_pkg_dir, &hashes, place)
    }

    /// `hashes` holds lines such as `css: WG5w...`; a file without one has none in its name.
    fn named(name: &str, folder: &str, hashes: &str, place: Option<&AssetBase>) -> Self {
        let base = place.map_or("", |place| place.base.as_str());
        let hash_of = |what: &str| {
            hashes
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(of, _)| of.trim() == what)
                .map(|(_, hash)| ".".to_owned() + hash.trim())
                .unwrap_or_default()
        };
        let address = |kind: &str| format!("{base}/{folder}/{name}{}.{kind}", hash_of(kind));
        let (style, script, wasm) = (address("css"), address("js"), address("wasm"));
        let list = hash_of("manifest");
        let chunks = format!("{base}/{folder}/__wasm_split_manifest{list}.json");
        let reach = place
            .map(|place| format!("<{}>; rel=preconnect; crossorigin, ", place.origin))
            .unwrap_or_default();
        let plain = format!("{reach}<{style}>; rel=preload; as=style");
        let whole = format!(
            "{plain}, <{script}>; rel=modulepreload, \
             <{wasm}>; rel=preload; as=fetch; type=\"application/wasm\"; crossorigin"
        );
        let header =
            |text: String| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        Self {
            plain: header(plain),
            whole: header(whole),
            style,
            chunks,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_scripts_sends_for_none() {
        let assets = Assets::named("app", "pkg", "js: AAA\nwasm: BBB\ncss: CCC\n", None);
        assert_eq!(assets.style, "/pkg/app.CCC.css");
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
    fn files_elsewhere_are_connected_to_first() {
        let place = AssetBase {
            origin: "https://cdn.example.org".into(),
            base: "https://cdn.example.org/x".into(),
        };
        let assets = Assets::named("app", "pkg", "", Some(&place));
        assert_eq!(assets.style, "https://cdn.example.org/x/pkg/app.css");
        let link = assets.link(false);
        assert!(
            link.to_str()
                .unwrap()
                .starts_with("<https://cdn.example.org>; rel=preconnect")
        );
    }
}
