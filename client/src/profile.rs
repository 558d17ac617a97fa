//! The person's own name and picture.

use std::path::Path;

use crate::{ClientError, Result, Session, people, view::Person};

const MAX_NAME: usize = 255;
const MAX_AVATAR: u64 = 10 * 1024 * 1024;

impl Session {
    pub async fn own_profile(&self) -> Result<Person> {
        let account = self.client().account();
        let profile = account.fetch_user_profile().await?;
        let name = profile.get("displayname").and_then(|value| value.as_str());
        let avatar = profile.get("avatar_url").and_then(|value| value.as_str()).filter(|uri| uri.starts_with("mxc://"));
        Ok(people::person(self.user_id(), name, false, avatar.map(str::to_owned)))
    }

    pub async fn set_display_name(&self, name: &str) -> Result<()> {
        let name = name.trim();
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(ClientError::Invalid("a name has 1 to 255 letters"));
        }
        Ok(self.client().account().set_display_name(Some(name)).await?)
    }

    /// Uploads a picture and makes it the person's own; `None` takes it away.
    pub async fn set_avatar(&self, picture: Option<&Path>) -> Result<()> {
        let Some(path) = picture else {
            return Ok(self.client().account().set_avatar_url(None).await?);
        };
        if tokio::fs::metadata(path).await?.len() > MAX_AVATAR {
            return Err(ClientError::TooLarge { limit: MAX_AVATAR });
        }
        let bytes = tokio::fs::read(path).await?;
        let format = image::guess_format(&bytes).map_err(|_| ClientError::Invalid("that file is not a picture"))?;
        let mime: mime::Mime =
            format.to_mime_type().parse().map_err(|_| ClientError::Invalid("that file is not a picture"))?;
        self.client().account().upload_avatar(&mime, bytes).await?;
        Ok(())
    }
}
