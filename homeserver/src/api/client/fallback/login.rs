//! GET /_matrix/static/client/login/: a page that signs a device in, for clients that know no way to.

use axum::response::Response;
use http::StatusCode;

use super::Page;

/// What stands in the query goes along to `/login`, as far as it is no secret.
const SCRIPT: &str = r#"
const form = document.querySelector("form"), words = document.querySelector("[role=alert]");
const say = (text) => { words.textContent = text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : "."); };
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const wish = { type: "m.login.password", identifier: { type: "m.id.user", user: form.user.value }, password: form.password.value };
  const query = new URLSearchParams(location.search);
  for (const name of ["device_id", "initial_device_display_name"]) {
    if (query.has(name)) wish[name] = query.get(name);
  }
  if (query.get("refresh_token") === "true") wish.refresh_token = true;
  try {
    const answer = await fetch("/_matrix/client/v3/login", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wish),
    });
    const body = await answer.json();
    if (!answer.ok) { say(body.error || "The server refused"); form.password.select(); return; }
    form.remove();
    words.remove();
    document.querySelector("[role=status]").textContent = "You are signed in. You may close this window.";
    if (window.matrixLogin && window.matrixLogin.onLogin) window.matrixLogin.onLogin(body);
  } catch (error) { say("The server does not answer"); }
});
"#;

pub async fn get() -> Response {
    let body = "<p role=alert></p><p role=status></p><form>\
        <label for=user>User name</label><input id=user name=user autocomplete=username required autofocus>\
        <label for=password>Password</label>\
        <input id=password name=password type=password autocomplete=current-password required><button>Sign in</button></form>";
    Page { title: "Sign in", body: body.to_owned(), script: Some(SCRIPT), leads_to: None }.answer(StatusCode::OK)
}
