//! The shell: Tauri set up around the app, from start to exit.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use app::{App, Options, SecretsIn, ServerChoice, Subscriptions, TurnChoice, devices::System};
use tauri::{Manager, RunEvent};

use crate::{Arguments, ipc, media, os};

/// Under which other starts of the same data folder find this one.
const DBUS_NAME: &str = "chat.hearth.desktop";
/// Whatever hangs at the end does not keep the process: what matters is on the disk already.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// What commands reach.
pub(crate) struct Shell {
    pub(crate) app: App,
    pub(crate) subscriptions: Subscriptions,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    // Lives as long as the program: Tauri and everything below run on it.
    let runtime = app::runtime()?;
    tauri::async_runtime::set(runtime.handle().clone());
    let link = arguments.link.clone();
    let data = arguments.data.clone();
    let built = tauri::Builder::default()
        .plugin(
            tauri_plugin_single_instance::Builder::new()
                .dbus_id(dbus_name(arguments.data.as_deref()))
                .callback(|handle, arguments, _| {
                    os::windows::raise(handle);
                    if let Some(link) = os::deep_links::find(&arguments) {
                        os::deep_links::open(handle, link);
                    }
                })
                .build(),
        )
        .plugin(tauri_plugin_deep_link::init())
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_opener::Builder::new().open_js_links_on_click(false).build())
        .plugin(tauri_plugin_window_state::Builder::new().build())
        .register_asynchronous_uri_scheme_protocol("media", media::answer)
        .invoke_handler(tauri::generate_handler![
            ipc::request,
            ipc::subscribe,
            ipc::unsubscribe,
            ipc::upload,
            ipc::save_text,
            ipc::open_external,
        ])
        .on_page_load(|webview, load| {
            if load.event() == tauri::webview::PageLoadEvent::Started {
                // A page that is loaded anew has forgotten its subscriptions.
                webview.state::<Shell>().subscriptions.clear();
            }
        })
        .setup(move |tauri| {
            let folder = match data {
                Some(folder) => folder,
                None => default_folder(tauri.path().data_dir()?),
            };
            let options = Options {
                folder,
                secrets: SecretsIn::Keyring,
                server: ServerChoice::Own,
                devices: Arc::new(System::default()),
                media_addresses: app::everywhere(),
                relay_only: false,
                turn: TurnChoice::WhereItHelps,
            };
            let app = tauri::async_runtime::block_on(async { App::start(options) });
            tauri.manage(Shell { app: app.clone(), subscriptions: Subscriptions::new(app.clone()) });
            os::windows::open_main(tauri.handle())?;
            #[cfg(target_os = "linux")]
            {
                os::awake::follow(app.in_call());
                os::sleep::follow(app.clone());
            }
            os::notifications::follow(tauri.handle().clone(), app);
            os::signals::follow(tauri.handle().clone());
            if let Some(link) = link {
                os::deep_links::open(tauri.handle(), link);
            }
            os::deep_links::follow(tauri.handle());
            Ok(())
        })
        .build(tauri::generate_context!())
        .context("the window could not be made")?;
    built.run(|handle, event| {
        if let RunEvent::Exit = event {
            let app = handle.state::<Shell>().app.clone();
            tauri::async_runtime::block_on(async {
                let _ = tokio::time::timeout(LAST_PATIENCE, app.shutdown()).await;
            });
        }
    });
    Ok(())
}

fn default_folder(data: PathBuf) -> PathBuf {
    data.join("hearth")
}

/// One running program per data folder: the folder is part of the name.
fn dbus_name(folder: Option<&Path>) -> String {
    match folder {
        None => DBUS_NAME.to_owned(),
        Some(folder) => {
            let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
            let mut hasher = DefaultHasher::new();
            folder.hash(&mut hasher);
            format!("{DBUS_NAME}.folder{:016x}", hasher.finish())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::dbus_name;

    #[test]
    fn each_folder_has_its_own_name_on_the_bus() {
        assert_eq!(dbus_name(None), "chat.hearth.desktop");
        assert_eq!(dbus_name(Some(Path::new("/a"))), dbus_name(Some(Path::new("/a"))));
        assert_ne!(dbus_name(Some(Path::new("/a"))), dbus_name(Some(Path::new("/b"))));
        assert!(
            dbus_name(Some(Path::new("/a"))).split('.').all(|part| !part.starts_with(|c: char| c.is_ascii_digit()))
        );
    }
}
