//! GET /_synapse/admin/v2/users, GET and PUT /_synapse/admin/v2/users/{userId}: accounts as administrators see and change them.

use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    api::{
        client::account::{
            check_not_reserved,
            deactivate::{Closing, close},
        },
        error::ApiError,
        parts::Parts,
    },
    domain::rooms::LocalUser,
    store::{AccountFilter, AccountOrder, AccountRow, ListedAccount},
};

use super::{Administrator, LIMIT, Query, account};

#[derive(Deserialize)]
pub struct Filter {
    #[serde(default)]
    from: u32,
    #[serde(default = "hundred")]
    limit: u32,
    user_id: Option<String>,
    name: Option<String>,
    #[serde(default = "yes")]
    guests: bool,
    #[serde(default)]
    deactivated: bool,
    admins: Option<bool>,
    #[serde(default)]
    order_by: Order,
    #[serde(default)]
    dir: Direction,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    #[default]
    Name,
    IsGuest,
    Admin,
    UserType,
    Deactivated,
    ShadowBanned,
    Displayname,
    AvatarUrl,
    CreationTs,
    LastSeenTs,
    Locked,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Direction {
    #[default]
    #[serde(rename = "f")]
    Forwards,
    #[serde(rename = "b")]
    Backwards,
}

fn yes() -> bool {
    true
}

pub(super) fn hundred() -> u32 {
    100
}

/// A page of accounts.
#[derive(Serialize)]
pub struct Users {
    users: Vec<User>,
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// An account. What this server does not know of is `false` or `null`.
#[derive(Serialize)]
pub struct User {
    name: String,
    displayname: Option<String>,
    avatar_url: Option<String>,
    is_guest: bool,
    admin: bool,
    deactivated: bool,
    erased: bool,
    locked: bool,
    suspended: bool,
    shadow_banned: bool,
    user_type: Option<String>,
    /// Milliseconds since 1970.
    creation_ts: i64,
    last_seen_ts: Option<i64>,
}

/// A change, or a new account. Has no `Debug`: it holds a password.
#[derive(Deserialize)]
pub struct Change {
    password: Option<String>,
    #[serde(default = "yes")]
    logout_devices: bool,
    displayname: Option<String>,
    avatar_url: Option<String>,
    admin: Option<bool>,
    deactivated: Option<bool>,
    locked: Option<bool>,
    suspended: Option<bool>,
    user_type: Option<String>,
    #[serde(default)]
    threepids: Vec<Value>,
    #[serde(default)]
    external_ids: Vec<Value>,
}

pub async fn list(
    _: Administrator,
    State(parts): State<Parts>,
    Query(filter): Query<Filter>,
) -> Result<Json<Users>, ApiError> {
    let (from, limit) = (i64::from(filter.from), i64::from(filter.limit.min(LIMIT)));
    let filter = AccountFilter {
        from,
        limit,
        user_id: filter.user_id,
        name: filter.name,
        guests: filter.guests,
        deactivated: filter.deactivated,
        admins: filter.admins,
        order: match filter.order_by {
            Order::IsGuest => AccountOrder::Guest,
            Order::Admin => AccountOrder::Admin,
            Order::Deactivated => AccountOrder::Deactivated,
            Order::Displayname => AccountOrder::DisplayName,
            Order::AvatarUrl => AccountOrder::AvatarUrl,
            Order::CreationTs => AccountOrder::Created,
            Order::LastSeenTs => AccountOrder::LastSeen,
            Order::Locked => AccountOrder::Locked,
            // All are alike in these.
            Order::Name | Order::UserType | Order::ShadowBanned => AccountOrder::Name,
        },
        backwards: filter.dir == Direction::Backwards,
    };
    let (accounts, total) = parts.store.read().await?.account_page(&filter).await?;
    let next = from.saturating_add(limit);
    let next_token = (limit > 0 && next < total).then(|| next.to_string());
    Ok(Json(Users { users: accounts.into_iter().map(to_user).collect(), total, next_token }))
}

pub async fn get(
    _: Administrator,
    State(parts): State<Parts>,
    Path(user): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let account = account(&parts, &user).await?;
    details(&parts, &account).await.map(Json)
}

pub async fn put(
    by: Administrator,
    State(parts): State<Parts>,
    Path(user): Path<String>,
    super::Json(change): super::Json<Change>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let impossible = |words: &str| Err(ApiError::invalid_param(words));
    if !change.threepids.is_empty() || !change.external_ids.is_empty() {
        return impossible("This server binds no addresses and no other identities to accounts");
    }
    if change.user_type.is_some() {
        return impossible("This server knows one kind of user alone");
    }
    let known = match account(&parts, &user).await {
        Ok(account) => Some(account),
        Err(error) if error.status == StatusCode::NOT_FOUND => None,
        Err(error) => return Err(error),
    };
    let own = known.as_ref().zip(by.0.as_ref()).is_some_and(|(account, sender)| account.user == sender.user);
    if own && (change.admin == Some(false) || change.locked == Some(true) || change.suspended == Some(true)) {
        return Err(ApiError::forbidden("You cannot take your own rights"));
    }
    if known.as_ref().is_some_and(|account| account.deactivated_ts.is_some()) && change.deactivated != Some(true) {
        return impossible("The account was closed, and that is for good");
    }
    let (status, account) = match known {
        Some(account) => {
            if let Some(password) = &change.password {
                parts.accounts.set_password(account.user, password).await?;
                if change.logout_devices {
                    let keep = by.0.as_ref().filter(|_| own).map(|sender| &*sender.device_id);
                    parts.accounts.delete_all_devices(account.user, keep).await?;
                }
            }
            if let Some(admin) = change.admin {
                parts.accounts.set_admin(account.user, admin).await?;
            }
            (StatusCode::OK, account)
        }
        None => {
            let admin = change.admin.unwrap_or_default();
            check_not_reserved(&parts.appservices, &parts.accounts.available(&user).await?)?;
            let (_, user_id) = parts.accounts.add(&user, change.password.as_deref(), admin).await?;
            (StatusCode::CREATED, super::account(&parts, user_id.as_str()).await?)
        }
    };
    if let Some(locked) = change.locked {
        parts.accounts.set_locked(account.user, locked).await?;
    }
    if let Some(suspended) = change.suspended {
        parts.accounts.set_suspended(account.user, suspended).await?;
    }
    set_profile(&parts, &account, [("displayname", change.displayname), ("avatar_url", change.avatar_url)]).await?;
    if change.deactivated == Some(true) && account.deactivated_ts.is_none() {
        close(&parts.accounts, &parts.rooms, &parts.identity_servers, account.clone(), Closing::default()).await?;
    }
    let account = super::account(&parts, account.user_id.as_str()).await?;
    Ok((status, Json(details(&parts, &account).await?)))
}

/// An empty text removes the field; rooms are told.
async fn set_profile(parts: &Parts, account: &AccountRow, fields: [(&str, Option<String>); 2]) -> Result<(), ApiError> {
    let mut changed = false;
    for (field, text) in fields {
        let Some(text) = text else { continue };
        let value = (!text.is_empty()).then_some(Value::String(text));
        changed |= parts.accounts.set_profile_field(account.user, field.to_owned(), value).await?;
    }
    if changed {
        let user = LocalUser { user: account.user, user_id: account.user_id.clone(), device_id: "ADMIN".into() };
        parts.rooms.update_profile(&user).await?;
    }
    Ok(())
}

async fn details(parts: &Parts, account: &AccountRow) -> Result<Value, ApiError> {
    let listed = parts.store.read().await?.listed_account(account.user).await?;
    let listed = listed.ok_or_else(|| ApiError::not_found("There is no such account"))?;
    let created = listed.created_ts;
    let addresses = parts.accounts.threepids(account.user).await?.into_iter().map(|row| {
        json!({
            "medium": row.medium, "address": row.address,
            "validated_at": row.validated_ts, "added_at": row.added_ts,
        })
    });
    let addresses: Vec<Value> = addresses.collect();
    let mut user = serde_json::to_value(to_user(listed)).map_err(|error| ApiError::internal(&error))?;
    if let Some(fields) = user.as_object_mut() {
        let more = json!({
            // Of one account, Synapse tells seconds.
            "creation_ts": created / 1000,
            "threepids": addresses, "external_ids": [], "appservice_id": null,
            "consent_server_notice_sent": null, "consent_version": null, "consent_ts": null,
        });
        fields.extend(more.as_object().cloned().unwrap_or_default());
    }
    Ok(user)
}

fn to_user(account: ListedAccount) -> User {
    let text = |json: Option<String>| json.and_then(|json| serde_json::from_str::<String>(&json).ok());
    User {
        name: account.user_id,
        displayname: text(account.displayname),
        avatar_url: text(account.avatar_url),
        is_guest: account.guest,
        admin: account.admin,
        deactivated: account.deactivated,
        erased: account.erased,
        locked: account.locked,
        suspended: account.suspended,
        shadow_banned: false,
        user_type: None,
        creation_ts: account.created_ts,
        last_seen_ts: account.last_seen_ts,
    }
}
