//! POST /_matrix/client/v3/createRoom: makes a room.

use ruma::{
    CanonicalJsonObject, RoomAliasId,
    api::client::room::{
        Visibility,
        create_room::v3::{Request, Response, RoomPreset},
    },
    serde::Raw,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    api::{
        client::{alias::check_owner, membership::invite_by_address},
        error::ApiError,
        ruma_route::Ruma,
    },
    domain::{
        accounts::{Accounts, Limit},
        appservices::Appservices,
        events::build::canonical,
        identity_servers::{IdentityError, IdentityServers},
        rooms::{NewRoom, Rooms, ThirdPartyInvite, ThirdPartyInviteError, create::Preset},
    },
};

/// Most state events that come with the request.
const INITIAL_STATE: usize = 100;
/// Most people invited by an address.
const INVITES_BY_ADDRESS: usize = 20;
/// The longest id, in bytes.
const LONGEST_ID: usize = 255;

#[derive(Deserialize)]
struct InitialState {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    state_key: String,
    content: Box<RawValue>,
}

pub async fn create_room(
    (rooms, accounts, appservices, servers): (Rooms, Accounts, Appservices, IdentityServers),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    request.sender.not_suspended()?;
    request.sender.take(&accounts, "create", Limit::CREATE)?;
    let wish = &request.request;
    if wish.invite_3pid.len() > INVITES_BY_ADDRESS {
        return Err(ApiError::invalid_param(format!("At most {INVITES_BY_ADDRESS} people are invited by an address")));
    }
    let by_address: Vec<ThirdPartyInvite> =
        wish.invite_3pid.iter().map(|invite| invite_by_address(&servers, invite)).collect::<Result<_, _>>()?;
    if wish.initial_state.len() > INITIAL_STATE {
        return Err(ApiError::invalid_param(format!("At most {INITIAL_STATE} state events can be given")));
    }
    let alias = match &wish.room_alias_name {
        Some(name) => {
            if name.is_empty() || name.contains([':', '#', '\0']) || name.contains(char::is_whitespace) {
                return Err(ApiError::invalid_param("`room_alias_name` is the alias's local part alone"));
            }
            let alias = format!("#{name}:{}", request.sender.user_id.server_name());
            let alias = RoomAliasId::parse(alias).ok().filter(|alias| alias.as_str().len() <= LONGEST_ID);
            let alias = alias.ok_or_else(|| ApiError::invalid_param("This alias is not valid"))?;
            check_owner(&appservices, &request.sender, &alias)?;
            Some(alias)
        }
        None => None,
    };
    let mut initial_state = Vec::with_capacity(wish.initial_state.len());
    for event in &wish.initial_state {
        let event: InitialState =
            serde_json::from_str(event.json().get()).map_err(|error| ApiError::bad_json(error.to_string()))?;
        initial_state.push((event.kind.into(), event.state_key, object(event.content.get())?));
    }
    for _ in &by_address {
        accounts.limits().take(&format!("invite by address {}", request.sender.user_id), Limit::INVITE_BY_ADDRESS)?;
    }
    let (mut invite, mut unknown) = (wish.invite.clone(), Vec::new());
    for by_address in by_address {
        match rooms.invited_user(&servers, &by_address).await? {
            Some(user_id) if invite.contains(&user_id) || user_id == request.sender.user_id => {}
            Some(user_id) => invite.push(user_id),
            None => unknown.push(by_address),
        }
    }
    let room = NewRoom {
        version: wish.room_version.clone(),
        creation_content: optional(wish.creation_content.as_ref())?,
        preset: preset(wish)?,
        power_level_override: optional(wish.power_level_content_override.as_ref())?,
        initial_state,
        name: wish.name.clone(),
        topic: wish.topic.clone(),
        alias,
        invite,
        is_direct: wish.is_direct,
        published: wish.visibility == Visibility::Public,
    };
    let creator = request.sender.local_user();
    let room_id = rooms.create(&creator, room).await?;
    for invite in unknown {
        // One person who cannot be invited does not undo the room.
        if let Err(error) = rooms.leave_invite(&servers, &creator, &room_id, invite).await {
            tracing::warn!(%room_id, %error, "Someone could not be invited to a new room by an address.");
            if matches!(error, ThirdPartyInviteError::Identity(IdentityError::Send(_))) {
                break;
            }
        }
    }
    Ok(Response::new(room_id))
}

fn preset(wish: &Request) -> Result<Preset, ApiError> {
    Ok(match (&wish.preset, &wish.visibility) {
        (Some(RoomPreset::PublicChat), _) | (None, Visibility::Public) => Preset::PublicChat,
        (Some(RoomPreset::TrustedPrivateChat), _) => Preset::TrustedPrivateChat,
        (Some(RoomPreset::PrivateChat), _) | (None, Visibility::Private) => Preset::PrivateChat,
        (Some(_), _) => return Err(ApiError::invalid_param("`preset` is none of the specification's")),
        (None, _) => return Err(ApiError::invalid_param("`visibility` is public or private")),
    })
}

fn optional<T>(raw: Option<&Raw<T>>) -> Result<CanonicalJsonObject, ApiError> {
    raw.map_or_else(|| Ok(CanonicalJsonObject::new()), |raw| object(raw.json().get()))
}

fn object(json: &str) -> Result<CanonicalJsonObject, ApiError> {
    canonical(json).map_err(|error| ApiError::bad_json(error.to_string()))
}
