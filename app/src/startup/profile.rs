//! The person's own name and picture in the status.

use client::{Session, hue};

use crate::{
    api::{
        error::AppError,
        status::{Me, Status},
    },
    app::App,
};

impl App {
    /// Tells the ready status with what is known of the profile now.
    pub(crate) fn set_ready(&self, session: &Session, own_server: bool) -> Result<(), AppError> {
        let kept = self.data()?.settings.kept();
        let name = kept.name.unwrap_or_else(|| session.user_id().localpart().to_owned());
        self.set_status(Status::Ready {
            me: Box::new(Me {
                user_id: session.user_id().to_string(),
                name,
                avatar: kept.avatar,
                hue: hue(session.user_id().as_str()),
                device_id: session.device_id(),
                recovery_kit_seen: kept.recovery_kit_seen,
                recovery_kit_saved: kept.recovery_kit_saved,
                own_server,
            }),
        });
        Ok(())
    }

    /// Asks the server for the profile and tells it if it is news.
    pub(crate) async fn refresh_profile(self, session: Session, own_server: bool) {
        let person = match session.own_profile().await {
            Ok(person) => person,
            Err(error) => {
                tracing::debug!(error = %error, "the profile could not be asked for");
                return;
            }
        };
        let told = self.data().and_then(|data| {
            data.settings.change(|kept| {
                kept.name = Some(person.name);
                kept.avatar = person.avatar;
            })?;
            self.set_ready(&session, own_server)
        });
        if let Err(error) = told {
            tracing::warn!(detail = error.detail, "{}", error.sentence);
        }
    }

    /// Whether the account that is ready is on our own server.
    pub(crate) fn is_own_server(&self) -> bool {
        matches!(&*self.inner().status.borrow(), Status::Ready { me } if me.own_server)
    }
}
