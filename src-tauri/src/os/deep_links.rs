//! Links opened outside: `hearth:` and `matrix:` addresses go to the page as an event.

use app::api::push::AppEvent;
use tauri::{AppHandle, Manager};

use crate::shell::Shell;

/// The first link among a start's arguments.
pub(crate) fn find(arguments: &[String]) -> Option<String> {
    arguments.iter().skip(1).find(|argument| is_link(argument)).cloned()
}

/// Hands a link to the page, which asks the person before anything happens.
pub(crate) fn open(handle: &AppHandle, link: String) {
    if is_link(&link) {
        handle.state::<Shell>().app.tell(AppEvent::OpenInviteLink { link });
    }
}

/// macOS hands links to a running program as events; elsewhere they come as arguments.
pub(crate) fn follow(handle: &AppHandle) {
    #[cfg(target_os = "macos")]
    {
        use tauri_plugin_deep_link::DeepLinkExt;
        let target = handle.clone();
        handle.deep_link().on_open_url(move |event| {
            for url in event.urls() {
                open(&target, url.to_string());
            }
        });
    }
    #[cfg(not(target_os = "macos"))]
    let _ = handle;
}

fn is_link(text: &str) -> bool {
    text.len() <= 4096 && (text.starts_with("hearth:") || text.starts_with("matrix:"))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn the_link_is_found_among_the_arguments() {
        let arguments = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let link = "hearth:u/alice:example.org";
        assert_eq!(find(&arguments(&["hearth", "--data", "/a", link])).as_deref(), Some(link));
        assert_eq!(find(&arguments(&["hearth", "https://example.org"])), None);
        assert_eq!(find(&arguments(&["hearth:u/x:y"])), None);
    }
}
