//! POST /_matrix/client/v3/user_directory/search: people of this server and of the user's rooms, by name.

use ruma::api::client::user_directory::search_users::v3::{Request, Response, User};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::{Accounts, Limit},
    store::{KnownUser, Store},
};

/// How many people are looked through.
const CANDIDATES: i64 = 50_000;
/// How many are answered at most.
const MOST: u64 = 50;

pub async fn search_users((store, accounts): (Store, Accounts), request: Ruma<Request>) -> Result<Response, ApiError> {
    request.sender.take(&accounts, "directory", Limit::LOOK_UP)?;
    let limit = usize::try_from(u64::from(request.limit).min(MOST)).unwrap_or_default();
    let term = request.search_term.trim().to_lowercase();
    let known = store.read().await?.known_users(request.sender.user, CANDIDATES).await?;
    let mut found: Vec<(u8, User)> = known
        .into_iter()
        .filter_map(|known| {
            let user = to_user(known)?;
            Some((rank(&user, &term)?, user))
        })
        .collect();
    found.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.user_id.cmp(&other.user_id)));
    let limited = found.len() > limit;
    Ok(Response::new(found.into_iter().take(limit).map(|(_, user)| user).collect(), limited))
}

/// How well a user fits: names that begin with the term come first, `None` does not fit.
fn rank(user: &User, term: &str) -> Option<u8> {
    let name = user.display_name.as_deref().unwrap_or_default().to_lowercase();
    let localpart = user.user_id.localpart().to_lowercase();
    if user.user_id.as_str().to_lowercase() == term || localpart == term || name == term {
        Some(0)
    } else if name.starts_with(term) || localpart.starts_with(term) {
        Some(1)
    } else {
        (name.contains(term) || user.user_id.as_str().to_lowercase().contains(term)).then_some(2)
    }
}

fn to_user(known: KnownUser) -> Option<User> {
    let text = |value: Option<String>| value.and_then(|json| serde_json::from_str::<String>(&json).ok());
    let mut user = User::new(known.user_id.try_into().ok()?);
    user.display_name = text(known.profile_name).or(known.member_name);
    user.avatar_url = text(known.profile_avatar).or(known.member_avatar).map(Into::into);
    Some(user)
}
