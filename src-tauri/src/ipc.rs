//! The commands that the page may call: the app's requests and streams, uploads, and what needs a system dialog.

use std::sync::Arc;

use app::{
    Sink,
    api::{
        error::{AppError, ErrorCode},
        push::{Batch, Subscription},
        request::{Request, SavedFile},
    },
};
use serde_json::{Value, json};
use tauri::{
    AppHandle, State,
    ipc::{Channel, InvokeBody},
};
use tauri_plugin_dialog::DialogExt;
use tauri_plugin_opener::OpenerExt;
use tokio::io::AsyncWriteExt;

use crate::shell::Shell;

/// What may be opened in another program.
const SCHEMES: [&str; 6] = ["http", "https", "mailto", "magnet", "matrix", "hearth"];
const MAX_TEXT: usize = 1024 * 1024;

struct Pushes(Channel<Batch>);

impl Sink for Pushes {
    fn send(&self, batch: Batch) -> bool {
        self.0.send(batch).is_ok()
    }
}

#[tauri::command]
pub(crate) async fn request(
    handle: AppHandle,
    shell: State<'_, Shell>,
    name: String,
    args: Option<Value>,
) -> Result<Value, AppError> {
    match Request::from_wire(&name, args.unwrap_or_default())? {
        Request::SaveMedia { media, name } => {
            let bytes = shell.app.media(&media, false).await?.bytes;
            answer(save(&handle, &name, &bytes).await?)
        }
        request => shell.app.request(request).await,
    }
}

#[tauri::command]
pub(crate) async fn subscribe(
    shell: State<'_, Shell>,
    id: u32,
    to: Subscription,
    channel: Channel<Batch>,
) -> Result<(), AppError> {
    shell.subscriptions.subscribe(id, to, Arc::new(Pushes(channel)))
}

#[tauri::command]
pub(crate) async fn unsubscribe(shell: State<'_, Shell>, id: u32) -> Result<(), AppError> {
    shell.subscriptions.unsubscribe(id);
    Ok(())
}

/// The raw body is the file; answers the token that names it.
#[tauri::command]
pub(crate) async fn upload(shell: State<'_, Shell>, request: tauri::ipc::Request<'_>) -> Result<Value, AppError> {
    let InvokeBody::Raw(bytes) = request.body() else {
        return Err(AppError::new(ErrorCode::BadArguments, "An upload is a file."));
    };
    let upload = shell.app.begin_upload()?;
    let mut file = tokio::fs::File::create(&upload.path).await?;
    file.write_all(bytes).await?;
    file.flush().await?;
    Ok(json!({ "upload": shell.app.finish_upload(upload)? }))
}

/// Asks where to save a text, and saves it: the recovery kit.
#[tauri::command]
pub(crate) async fn save_text(handle: AppHandle, name: String, text: String) -> Result<SavedFile, AppError> {
    if text.len() > MAX_TEXT {
        return Err(AppError::new(ErrorCode::TooLarge, "That text is too long."));
    }
    save(&handle, &name, text.as_bytes()).await
}

/// Opens an address in the program that the system has for it.
#[tauri::command]
pub(crate) async fn open_external(handle: AppHandle, url: String) -> Result<(), AppError> {
    let scheme = tauri::Url::parse(&url).map(|url| url.scheme().to_owned()).unwrap_or_default();
    if !SCHEMES.contains(&scheme.as_str()) {
        return Err(AppError::new(ErrorCode::BadArguments, "Addresses of that kind are not opened."));
    }
    handle.opener().open_url(url, None::<&str>).map_err(|error| {
        AppError::new(ErrorCode::Failed, "No program was found to open that address.").with_detail(error)
    })
}

async fn save(handle: &AppHandle, name: &str, bytes: &[u8]) -> Result<SavedFile, AppError> {
    let (tell, told) = tokio::sync::oneshot::channel();
    handle.dialog().file().set_file_name(file_name(name)).save_file(move |path| {
        // The page may be gone by the time of the answer.
        let _ = tell.send(path);
    });
    let chosen = told.await.ok().flatten().and_then(|path| path.into_path().ok());
    if let Some(path) = &chosen {
        tokio::fs::write(path, bytes).await?;
    }
    Ok(SavedFile { path: chosen.map(|path| path.display().to_string()), url: None })
}

/// The last part of a name that somebody else chose.
fn file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|letter| !letter.is_control()).take(200).collect();
    let clean = clean.trim_start_matches('.').trim();
    if clean.is_empty() { "file".to_owned() } else { clean.to_owned() }
}

fn answer(reply: impl serde::Serialize) -> Result<Value, AppError> {
    serde_json::to_value(reply)
        .map_err(|error| AppError::new(ErrorCode::Failed, "The answer could not be written.").with_detail(error))
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn names_lose_folders_dots_and_control_letters() {
        for (name, expected) in [("a.png", "a.png"), ("../../.bashrc", "bashrc"), ("x\u{0}y", "xy"), ("C:\\", "file")] {
            assert_eq!(file_name(name), expected);
        }
    }
}
