//! The `media:` scheme: pictures and files of the rooms for the page, by the names that the view gave them.

use app::{App, api::error::ErrorCode};
use percent_encoding::percent_decode_str;
use tauri::{
    Manager, Runtime, UriSchemeContext, UriSchemeResponder,
    http::{HeaderValue, Request, Response, StatusCode, header},
};

use crate::shell::Shell;

/// No medium is called that: their names are longer.
const CALL_PICTURE: &str = "call-picture";

pub(crate) fn answer<R: Runtime>(
    context: UriSchemeContext<'_, R>,
    request: Request<Vec<u8>>,
    responder: UriSchemeResponder,
) {
    let app = context.app_handle().state::<Shell>().app.clone();
    tauri::async_runtime::spawn(async move {
        let name = percent_decode_str(request.uri().path().trim_start_matches('/')).decode_utf8_lossy().into_owned();
        if name == CALL_PICTURE {
            return responder.respond(call_picture(&app, &request).await);
        }
        let small = request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "thumbnail=1"));
        let (status, mime, bytes) = match app.media(&name, small).await {
            Ok(media) => (StatusCode::OK, media.mime, media.bytes),
            Err(error) if error.code == ErrorCode::NotFound => (StatusCode::NOT_FOUND, String::new(), Vec::new()),
            Err(error) => {
                tracing::debug!(detail = error.detail, "a picture could not be fetched: {}", error.sentence);
                (StatusCode::BAD_GATEWAY, String::new(), Vec::new())
            }
        };
        let mut response = Response::new(bytes);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let octets = HeaderValue::from_static("application/octet-stream");
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_str(&mime).ok().filter(|mime| !mime.is_empty()).unwrap_or(octets),
        );
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400"));
        // The page has to read sound and video into a blob.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin(&request));
        responder.respond(response);
    });
}

/// A picture of a call that the page cannot decode itself; it asks for the next when it has drawn this one.
async fn call_picture(app: &App, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let (status, bytes) = match app.call_picture(request.uri().query().unwrap_or_default()).await {
        Ok(Some(picture)) => (StatusCode::OK, picture),
        Ok(None) => (StatusCode::NO_CONTENT, Vec::new()),
        Err(error) => {
            tracing::debug!(detail = error.detail, "a call has no such picture: {}", error.sentence);
            (StatusCode::NOT_FOUND, Vec::new())
        }
    };
    let mut response = Response::new(bytes);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin(request));
    response
}

/// Our own page alone is in the window.
fn origin(request: &Request<Vec<u8>>) -> HeaderValue {
    request.headers().get(header::ORIGIN).cloned().unwrap_or(HeaderValue::from_static("tauri://localhost"))
}
