//! Markup that is made to break the reader.

use anyhow::Result;
use ruma::{
    events::room::message::RoomMessageEventContent,
    html::{HtmlSanitizerMode, RemoveReplyFallback},
};

#[test]
fn the_deepest_message_that_fits_an_event_does_not_end_the_app() -> Result<()> {
    let runtime = app::runtime()?;
    for tag in ["<b>", "<div>"] {
        let deep = tag.repeat(65_536 / tag.len());
        // What the SDK does with every message before anybody sees it, on a thread where the SDK runs.
        let sanitised = runtime.block_on(runtime.spawn(async move {
            let mut message = RoomMessageEventContent::text_html("plain", deep).msgtype;
            message.sanitize(HtmlSanitizerMode::Compat, RemoveReplyFallback::No);
            message.body().to_owned()
        }))?;
        assert_eq!(sanitised, "plain");
    }
    Ok(())
}
