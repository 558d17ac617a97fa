//! The request table at work: each request goes to the part that answers it.

mod conversation;
mod people;
mod phone;
mod rooms;
mod settings;

use calls::Person;
use futures_util::{FutureExt, future::BoxFuture};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    api::{
        error::{AppError, ErrorCode},
        request::Request,
    },
    app::App,
};

impl Request {
    /// Reads a request as it comes over the wire; absent, `null` and empty arguments are the same.
    pub fn from_wire(name: &str, args: Value) -> Result<Self, AppError> {
        let bare = args.is_null() || args.as_object().is_some_and(serde_json::Map::is_empty);
        let whole = json!({ "name": name, "args": if bare { json!({}) } else { args } });
        let error = match serde_json::from_value(whole) {
            Ok(request) => return Ok(request),
            Err(error) => error,
        };
        if bare && let Ok(request) = serde_json::from_value(json!({ "name": name })) {
            return Ok(request);
        }
        let text = error.to_string();
        Err(if text.starts_with("unknown variant") {
            AppError::new(ErrorCode::UnknownRequest, "This version of Hearth does not know that request.")
                .with_detail(name)
        } else {
            AppError::new(ErrorCode::BadArguments, "That request has wrong arguments.").with_detail(text)
        })
    }
}

impl App {
    /// Answers a request with its reply type as JSON. Boxed, so that callers need not lay out all that is below.
    pub fn request(&self, request: Request) -> BoxFuture<'_, Result<Value, AppError>> {
        self.answer(request).boxed()
    }

    async fn answer(&self, request: Request) -> Result<Value, AppError> {
        match request {
            Request::CreateAccount(request) => done(self.create_account(request)),
            Request::SignIn(request) => done(self.sign_in(request)),
            Request::RestoreBackup(request) => done(self.restore_backup(request).await),
            Request::Unlock { passphrase } => {
                self.spawn(self.clone().unlock(passphrase));
                Ok(Value::Null)
            }
            Request::TryAgain => {
                self.spawn(self.clone().begin());
                Ok(Value::Null)
            }
            Request::GetRecoveryKit => answer(self.recovery_kit().await?),
            Request::RecoveryKitSeen { saved } => done(self.recovery_kit_seen(saved)),

            Request::GetInviteLink => answer(self.get_invite_link().await?),
            Request::OpenInviteLink { link } => answer(self.open_invite_link(&link).await?),
            Request::SearchPeople { text } => answer(self.session()?.search_people(&text).await?),
            Request::GetMembers { room_id } => answer(self.session()?.members(&room_id).await?),

            Request::CreateRoom(request) => answer(self.create_room(request).await?),
            Request::StartDirectChat { user_id } => answer(self.start_direct_chat(&user_id).await?),
            Request::Invite { room_id, user_id } => done(self.session()?.invite(&room_id, &user_id).await),
            Request::AcceptInvite { room_id } => done(self.session()?.accept_invite(&room_id).await),
            Request::DeclineInvite { room_id } => done(self.session()?.decline_invite(&room_id).await),
            Request::LeaveRoom { room_id } => done(self.session()?.leave_room(&room_id).await),
            Request::RemoveMember { room_id, user_id, reason } => {
                done(self.session()?.remove_member(&room_id, &user_id, reason.as_deref()).await)
            }
            Request::RenameRoom { room_id, name } => done(self.session()?.rename_room(&room_id, &name).await),
            Request::SetRoomTopic { room_id, topic } => done(self.session()?.set_room_topic(&room_id, &topic).await),
            Request::SetFavourite { room_id, favourite } => {
                done(self.session()?.set_favourite(&room_id, favourite).await)
            }
            Request::SetMuted { room_id, muted } => done(self.session()?.set_muted(&room_id, muted).await),
            Request::SetMarkedUnread { room_id, unread } => {
                done(self.session()?.set_marked_unread(&room_id, unread).await)
            }

            Request::SendMessage { room_id, draft } => done(self.session()?.send_message(&room_id, &draft).await),
            Request::SendAttachment { room_id, attachment } => done(self.send_attachment(&room_id, attachment).await),
            Request::SendRecording { room_id, reply_to } => done(self.send_recording(&room_id, reply_to).await),
            Request::EditMessage { room_id, row_id, draft } => {
                done(self.session()?.edit_message(&room_id, &row_id, &draft).await)
            }
            Request::RedactMessage { room_id, row_id, reason } => {
                done(self.session()?.redact_message(&room_id, &row_id, reason.as_deref()).await)
            }
            Request::ToggleReaction { room_id, row_id, key } => {
                done(self.session()?.toggle_reaction(&room_id, &row_id, &key).await)
            }
            Request::RetrySend { room_id, row_id } => done(self.session()?.retry_send(&room_id, &row_id).await),
            Request::CancelSend { room_id, row_id } => done(self.session()?.cancel_send(&room_id, &row_id).await),
            Request::LoadOlder { room_id } => answer(self.load_older(&room_id).await?),
            Request::SetTyping { room_id, typing } => done(self.set_typing(&room_id, typing).await),
            Request::MarkRead { room_id } => done(self.mark_read(&room_id).await),
            Request::SetDraft { room_id, text } => done(self.session()?.set_draft(&room_id, &text).await),

            Request::PlaceCall { room_id, video } => done(self.place_call(room_id, video).await),
            Request::AcceptCall { call, video } => done(self.accept_call(call, video).await),
            Request::DeclineCall { call } => done(self.phone()?.act(call, Person::Decline).await),
            Request::SilenceCall { call } => done(self.phone()?.act(call, Person::Dismiss).await),
            Request::HangUp { call } => done(self.phone()?.act(call, Person::HangUp).await),
            Request::SetCallMedia { call, wish } => done(self.set_call_media(call, wish).await),
            Request::CloseCall { call } => done(self.phone()?.close(call).await),
            Request::ChooseSound { choice } => done(self.choose_sound(choice)),
            Request::PlayTestSound => done(self.play_test_sound().await),
            Request::CheckNetwork => answer(self.check_network().await?),
            Request::ChooseCamera { camera } => done(self.choose_camera(camera)),
            Request::RefreshCallFrames => done(self.refresh_call_frames()),

            Request::SaveMedia { media, name } => answer(self.save_media(&media, &name)),
            Request::SetDisplayName { name } => done(self.set_display_name(&name).await),
            Request::SetAvatar { upload } => done(self.set_avatar(upload.as_deref()).await),
            Request::GetSettings => answer(self.get_settings()),
            Request::SetSettings { settings } => done(self.data()?.settings.set(settings)),
            Request::SetFocus { focused, room_id } => {
                self.set_focus(focused, room_id);
                Ok(Value::Null)
            }
        }
    }
}

fn answer(reply: impl Serialize) -> Result<Value, AppError> {
    serde_json::to_value(reply)
        .map_err(|error| AppError::new(ErrorCode::Failed, "The answer could not be written.").with_detail(error))
}

fn done<E>(result: Result<(), E>) -> Result<Value, AppError>
where
    AppError: From<E>,
{
    result?;
    Ok(Value::Null)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ErrorCode, Request};

    #[test]
    fn absent_null_and_empty_arguments_are_the_same() {
        for args in [Value::Null, json!({})] {
            assert!(matches!(Request::from_wire("get_settings", args.clone()), Ok(Request::GetSettings)));
            assert!(Request::from_wire("set_avatar", args).is_ok());
        }
        assert!(matches!(
            Request::from_wire("set_draft", json!({"room_id": "!a:x", "text": "hi"})),
            Ok(Request::SetDraft { text, .. }) if text == "hi"
        ));
    }

    #[test]
    fn unknown_requests_and_wrong_arguments_are_told_apart() {
        let code = |name: &str, args: Value| Request::from_wire(name, args).err().map(|error| error.code);
        assert_eq!(code("format_disk", json!({})), Some(ErrorCode::UnknownRequest));
        assert_eq!(code("set_draft", json!({"room_id": 7})), Some(ErrorCode::BadArguments));
        assert_eq!(code("set_draft", json!([1])), Some(ErrorCode::BadArguments));
        assert_eq!(code("set_draft", Value::Null), Some(ErrorCode::BadArguments));
    }
}
