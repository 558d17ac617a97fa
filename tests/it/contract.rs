//! What packagers and scripts rely on: flags, the ready line, signals, errors in words.

use std::{os::unix::fs::PermissionsExt, process::Stdio};

use anyhow::{Context, Result, ensure};
use http::Method;
use tests::{Network, Serve, TestServer, user::anonymous};
use tokio::time::{Duration, Instant, timeout};

/// Starts a server that must not come up; answers what it said on standard error.
async fn refusal(serve: &Serve) -> Result<String> {
    let child = serve.command()?.stderr(Stdio::piped()).spawn()?;
    let output = timeout(tests::DEADLINE, child.wait_with_output()).await.context("it keeps running")??;
    ensure!(!output.status.success(), "it ended as if all were well");
    ensure!(output.stdout.is_empty(), "no ready line: {}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn the_ready_line_names_what_serves() -> Result<()> {
    let server = TestServer::start().await?;
    assert_eq!(server.name(), "hearth.test");
    assert_eq!((&server.ready.federation, &server.ready.ticket), (&None, &None));
    let mode = std::fs::metadata(&server.ready.socket)?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the socket is the owner's alone");
    let versions = anonymous(&server, Method::GET, "/_matrix/client/versions", None).await?.ok()?;
    let listed = versions["versions"].as_array().context("a list of versions")?;
    assert!(listed.contains(&"v1.11".into()), "{listed:?}");
    Ok(())
}

#[tokio::test]
async fn a_federating_server_says_where_over_https() -> Result<()> {
    let network = Network::new()?;
    let server = network.server()?.start().await?;
    assert_eq!(server.ready.federation, Some(format!("https://{}", server.name())));
    Ok(())
}

#[tokio::test]
async fn sigterm_ends_it_in_time_and_the_folder_serves_again() -> Result<()> {
    let mut server = TestServer::start().await?;
    let began = Instant::now();
    let status = server.stop().await?;
    assert!(status.success(), "{status}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    server.start_again().await?;
    anonymous(&server, Method::GET, "/_matrix/client/versions", None).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn a_second_start_on_a_folder_says_that_it_is_in_use() -> Result<()> {
    let serve = Serve::new("hearth.test")?;
    let _running = serve.clone().start().await?;
    let said = refusal(&serve).await?;
    assert!(said.contains("in use"), "{said}");
    Ok(())
}

#[tokio::test]
async fn another_name_for_an_existing_folder_is_refused() -> Result<()> {
    let serve = Serve::new("hearth.test")?;
    serve.clone().start().await?.stop().await?;
    let said = refusal(&serve.flag("--server-name", "other.test")).await?;
    assert!(said.contains("hearth.test") && said.contains("other.test"), "{said}");
    Ok(())
}

#[tokio::test]
async fn settings_that_cannot_work_are_named() -> Result<()> {
    let serve = Serve::new("hearth.test")?;
    let config = tempfile::NamedTempFile::new()?;
    std::fs::write(config.path(), "colour = \"red\"\n")?;
    let said = refusal(&serve.clone().flag("--config", config.path())).await?;
    assert!(said.contains("colour"), "{said}");
    let said = refusal(&serve.clone().flag("--tls-cert", config.path())).await?;
    assert!(said.contains("--tls-key"), "{said}");
    let said = refusal(&serve.clone().flag("--server-name", "not a name")).await?;
    assert!(said.contains("not a name"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_said_in_words() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    let serve = Serve::new("hearth.test")?;
    let mut command = serve.command()?;
    let child = command.args(["--data".as_ref(), file.path().as_os_str()]).stderr(Stdio::piped()).spawn()?;
    let output = child.wait_with_output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && !said.contains("panicked"), "{said}");
    Ok(())
}
