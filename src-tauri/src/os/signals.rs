//! SIGTERM and SIGINT end the program as closing the window does.

use tauri::AppHandle;

#[cfg(unix)]
pub(crate) fn follow(handle: AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};
    tauri::async_runtime::spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        handle.exit(0);
    });
}

#[cfg(not(unix))]
pub(crate) fn follow(_handle: AppHandle) {}
