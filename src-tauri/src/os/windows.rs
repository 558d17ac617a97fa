//! The main window: made, brought to the front, loaded anew when its web process dies.

use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindowBuilder};

pub(crate) const MAIN: &str = "main";

pub(crate) fn open_main(handle: &AppHandle) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(handle, MAIN, WebviewUrl::default())
        .title("Hearth")
        .inner_size(1180.0, 760.0)
        .min_inner_size(880.0, 560.0)
        .on_navigation(|url| {
            // The page is ours and stays; links go to other programs.
            matches!(url.scheme(), "tauri" | "blob") || url.host_str() == Some("tauri.localhost")
        })
        .build()?;
    reload_when_killed(&window)
}

/// Shows the window, wherever it was.
pub(crate) fn raise(handle: &AppHandle) {
    if let Some(window) = handle.get_webview_window(MAIN) {
        for done in [window.show(), window.unminimize(), window.set_focus()] {
            if let Err(error) = done {
                tracing::debug!(error = %error, "the window could not be brought to the front");
            }
        }
    }
}

/// A killed web process leaves a dead picture; the page subscribes anew after the reload.
#[cfg(target_os = "linux")]
fn reload_when_killed(window: &tauri::WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::WebViewExt;
    window.with_webview(|webview| {
        webview.inner().connect_web_process_terminated(|view, reason| {
            tracing::warn!(reason = ?reason, "the web process ended and the page is loaded anew");
            view.reload();
        });
    })
}

#[cfg(not(target_os = "linux"))]
fn reload_when_killed(_window: &tauri::WebviewWindow) -> tauri::Result<()> {
    Ok(())
}
