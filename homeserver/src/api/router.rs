//! All routes: one line an endpoint.

use std::time::Duration;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{get, post, put},
};
use http::{HeaderName, Method, header};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{Any, CorsLayer},
};

use crate::domain::accounts::CONFIRM_PATH;

use super::{
    admin,
    body_budget::{BodyBudget, read_within},
    client,
    error::ApiError,
    federation, owner,
    parts::Parts,
    ruma_route::RumaRoutes,
};

/// The Client-Server API.
pub fn client(parts: Parts) -> Router {
    finish(client_routes()).layer(cors()).with_state(parts)
}

/// What the Unix socket serves: the Client-Server API and the owner's.
pub fn socket(parts: Parts) -> Router {
    finish(client_routes().merge(owner::routes())).layer(cors()).with_state(parts)
}

/// The Server-Server API.
pub fn federation(parts: Parts) -> Router {
    let router = Router::new()
        .ruma(federation::version::get_version)
        .ruma(client::discovery::server::discover_server)
        .ruma(federation::key::server::get_keys)
        .ruma(federation::key::query::query_keys)
        .ruma(federation::key::query_batch::query_keys)
        .route(federation::media::get_content::PATH, get(federation::media::get_content::get_content))
        .route(
            federation::media::get_content_thumbnail::PATH,
            get(federation::media::get_content_thumbnail::get_content_thumbnail),
        )
        .ruma(federation::user::devices::get_devices)
        .ruma(federation::user::keys::query::get_keys)
        .ruma(federation::user::keys::claim::claim_keys)
        .ruma(federation::send::send_transaction)
        .ruma(federation::event::get_event)
        .ruma(federation::event_auth::get_event_auth)
        .ruma(federation::state::get_state)
        .ruma(federation::state_ids::get_state_ids)
        .ruma(federation::backfill::backfill)
        .ruma(federation::get_missing_events::get_missing_events)
        .ruma(federation::timestamp_to_event::timestamp_to_event)
        .ruma(federation::hierarchy::get_hierarchy)
        .ruma(federation::public_rooms::get_public_rooms)
        .ruma(federation::public_rooms::get_public_rooms_filtered)
        .ruma(federation::openid_userinfo::get_openid_userinfo)
        .ruma(federation::query_directory::query_directory)
        .ruma(federation::query_profile::query_profile)
        .ruma(federation::make_join::make_join)
        .ruma(federation::send_join::send_join)
        .ruma(federation::make_leave::make_leave)
        .ruma(federation::send_leave::send_leave)
        .ruma(federation::make_knock::make_knock)
        .ruma(federation::send_knock::send_knock)
        .ruma(federation::third_party::exchange_invite::exchange_invite)
        .ruma(federation::third_party::on_bind::on_bind)
        .ruma(federation::invite::invite)
        .ruma(federation::invite::invite_v1);
    finish(router).layer(from_fn_with_state(BodyBudget::default(), read_within)).with_state(parts)
}

/// Both on one listener: what is not the Server-Server API goes to the Client-Server API.
pub fn both(federation: Router, client: Router) -> Router {
    Router::new().fallback_service(tower::service_fn(move |request: axum::extract::Request| {
        let path = request.uri().path();
        let servers = path.starts_with("/_matrix/federation/") || path.starts_with("/_matrix/key/");
        let router = if servers { federation.clone() } else { client.clone() };
        tower::ServiceExt::oneshot(router, request)
    }))
}

fn client_routes() -> Router<Parts> {
    services(sync(rooms(encryption(media(personal(accounts(before_signing_in(Router::new()))))))))
}

/// What is asked before anybody is signed in, and pages for browsers.
fn before_signing_in(router: Router<Parts>) -> Router<Parts> {
    use client::{discovery, fallback, rendezvous, session};
    let meeting = format!("{}/{{p1}}", rendezvous::msc4108::PATH);
    router
        .ruma(client::versions::get_supported_versions)
        .ruma(discovery::homeserver::discover_homeserver)
        .ruma(discovery::server::discover_server)
        .ruma(discovery::support::discover_support)
        .ruma(discovery::policy_server::discover_policy_server)
        .ruma(discovery::auth_metadata::get_authorization_server_metadata)
        .ruma(session::sso::sso_login)
        .ruma(session::sso::sso_login_with_provider)
        .route("/_matrix/client/r0/auth/{p1}/fallback/web", get(fallback::uia::get).post(fallback::uia::post))
        .route("/_matrix/client/v3/auth/{p1}/fallback/web", get(fallback::uia::get).post(fallback::uia::post))
        .route(CONFIRM_PATH, get(fallback::email::get).post(fallback::email::post))
        .route("/_matrix/static/client/login", get(fallback::login::get))
        .route("/_matrix/static/client/login/", get(fallback::login::get))
        .route(rendezvous::msc4108::PATH, post(rendezvous::msc4108::create))
        .route(
            &meeting,
            get(rendezvous::msc4108::get).put(rendezvous::msc4108::update).delete(rendezvous::msc4108::delete),
        )
        .ruma(rendezvous::msc4388::discover)
        .ruma(rendezvous::msc4388::create)
        .ruma(rendezvous::msc4388::get)
        .ruma(rendezvous::msc4388::update)
        .ruma(rendezvous::msc4388::delete)
}

/// What holds for every endpoint: answers to unknown paths and methods, and to a handler that panicked.
fn finish(router: Router<Parts>) -> Router<Parts> {
    router
        .fallback(async || ApiError::unrecognized())
        .method_not_allowed_fallback(async || {
            let mut error = ApiError::unrecognized();
            error.status = http::StatusCode::METHOD_NOT_ALLOWED;
            error
        })
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            use axum::response::IntoResponse;
            let error = std::io::Error::other("a handler panicked");
            ApiError::internal(&error).into_response()
        }))
}

/// Accounts, sessions, devices.
fn accounts(router: Router<Parts>) -> Router<Parts> {
    router
        .ruma(client::account::register::register)
        .ruma(client::account::register_available::get_username_availability)
        .ruma(client::account::registration_token_validity::check_registration_token_validity)
        .ruma(client::account::whoami::whoami)
        .ruma(client::voip::get_turn_server_info)
        .ruma(client::rtc::transports)
        .ruma(client::session::get_login_types::get_login_types)
        .ruma(client::session::login::login)
        .ruma(client::session::get_login_token::get_login_token)
        .ruma(client::session::refresh::refresh_token)
        .ruma(client::session::logout::logout)
        .ruma(client::session::logout_all::logout_all)
        .ruma(client::device::get_devices::get_devices)
        .ruma(client::device::get_device::get_device)
        .ruma(client::device::update_device::update_device)
        .ruma(client::device::delete_device::delete_device)
        .ruma(client::device::delete_devices::delete_devices)
        .ruma(client::account::change_password::change_password)
        .ruma(client::account::deactivate::deactivate)
        .ruma(client::account::request_openid_token::request_openid_token)
        .ruma(client::admin::whois::get_user_info)
        .ruma(client::admin::is_user_locked::is_user_locked)
        .ruma(client::admin::is_user_suspended::is_user_suspended)
        .ruma(client::admin::lock_user::lock_user)
        .ruma(client::admin::suspend_user::suspend_user)
        .ruma(client::account::get_3pids::get_3pids)
        .ruma(client::account::post_3pid::post_3pid)
        .ruma(client::account::add_3pid::add_3pid)
        .ruma(client::account::bind_3pid::bind_3pid)
        .ruma(client::account::delete_3pid::delete_3pid)
        .ruma(client::account::unbind_3pid::unbind_3pid)
        .ruma(client::account::request_email_token::to_add)
        .ruma(client::account::request_email_token::for_password)
        .ruma(client::account::request_email_token::to_register)
        .ruma(client::account::request_msisdn_token::to_add)
        .ruma(client::account::request_msisdn_token::for_password)
        .ruma(client::account::request_msisdn_token::to_register)
        .merge(admin::routes())
}

/// Keys, backups, to-device messages.
fn encryption(router: Router<Parts>) -> Router<Parts> {
    use client::{backup, dehydrated_device, keys, to_device};
    router
        .ruma(keys::upload_keys::upload_keys)
        .ruma(keys::get_keys::get_keys)
        .ruma(keys::claim_keys::claim_keys)
        .ruma(keys::get_key_changes::get_key_changes)
        .ruma(keys::upload_signatures::upload_signatures)
        .ruma(keys::upload_signing_keys::upload_signing_keys)
        .ruma(backup::add_backup_keys::add_backup_keys)
        .ruma(backup::add_backup_keys_for_room::add_backup_keys_for_room)
        .ruma(backup::add_backup_keys_for_session::add_backup_keys_for_session)
        .ruma(backup::create_backup_version::create_backup_version)
        .ruma(backup::delete_backup_keys::delete_backup_keys)
        .ruma(backup::delete_backup_keys_for_room::delete_backup_keys_for_room)
        .ruma(backup::delete_backup_keys_for_session::delete_backup_keys_for_session)
        .ruma(backup::delete_backup_version::delete_backup_version)
        .ruma(backup::get_backup_info::get_backup_info)
        .ruma(backup::get_backup_keys::get_backup_keys)
        .ruma(backup::get_backup_keys_for_room::get_backup_keys_for_room)
        .ruma(backup::get_backup_keys_for_session::get_backup_keys_for_session)
        .ruma(backup::get_latest_backup_info::get_latest_backup_info)
        .ruma(backup::update_backup_version::update_backup_version)
        .ruma(to_device::send_event_to_device::send_event_to_device)
        .ruma(dehydrated_device::put_dehydrated_device::put_dehydrated_device)
        .ruma(dehydrated_device::get_dehydrated_device::get_dehydrated_device)
        .ruma(dehydrated_device::delete_dehydrated_device::delete_dehydrated_device)
        .ruma(dehydrated_device::get_events::get_events)
}

/// Application services, and the networks that they bridge.
fn services(router: Router<Parts>) -> Router<Parts> {
    use client::{appservice, thirdparty};
    router
        .ruma(appservice::request_ping::request_ping)
        .ruma(appservice::set_room_visibility::set_room_visibility)
        .ruma(thirdparty::get_protocols::get_protocols)
        .ruma(thirdparty::get_protocol::get_protocol)
        .ruma(thirdparty::get_user_for_protocol::get_user_for_protocol)
        .ruma(thirdparty::get_location_for_protocol::get_location_for_protocol)
        .ruma(thirdparty::get_user_for_user_id::get_user_for_user_id)
        .ruma(thirdparty::get_location_for_room_alias::get_location_for_room_alias)
}

/// What users keep here: profiles, account data, filters, push rules.
fn personal(router: Router<Parts>) -> Router<Parts> {
    router
        .ruma(client::capabilities::get_capabilities)
        .ruma(client::profile::get_profile::get_profile)
        .ruma(client::profile::get_profile_field::get_profile_field)
        .ruma(client::profile::set_profile_field::set_profile_field)
        .ruma(client::profile::delete_profile_field::delete_profile_field)
        .ruma(client::user_directory::search_users::search_users)
        .ruma(client::config::get_global_account_data::get_global_account_data)
        .ruma(client::config::set_global_account_data::set_global_account_data)
        .ruma(client::config::get_room_account_data::get_room_account_data)
        .ruma(client::config::set_room_account_data::set_room_account_data)
        .ruma(client::tag::get_tags::get_tags)
        .ruma(client::tag::create_tag::create_tag)
        .ruma(client::tag::delete_tag::delete_tag)
        .ruma(client::filter::create_filter::create_filter)
        .ruma(client::filter::get_filter::get_filter)
        .ruma(client::push::get_pushrules_all::get_pushrules_all)
        .ruma_at("/_matrix/client/v3/pushrules", client::push::get_pushrules_all::get_pushrules_all)
        .ruma(client::push::get_pushrules_global_scope::get_pushrules_global_scope)
        .ruma(client::push::get_pushrule::get_pushrule)
        .ruma(client::push::set_pushrule::set_pushrule)
        .ruma(client::push::delete_pushrule::delete_pushrule)
        .ruma(client::push::get_pushrule_enabled::get_pushrule_enabled)
        .ruma(client::push::set_pushrule_enabled::set_pushrule_enabled)
        .ruma(client::push::get_pushrule_actions::get_pushrule_actions)
        .ruma(client::push::set_pushrule_actions::set_pushrule_actions)
        .ruma(client::push::get_pushers::get_pushers)
        .ruma(client::push::set_pusher::set_pusher)
}

/// Sync, and what passes: typing, receipts, presence.
fn sync(router: Router<Parts>) -> Router<Parts> {
    router
        .ruma(client::sync::v3::sync_events)
        .ruma(client::sync::sliding::sync)
        .ruma(client::typing::create_typing_event)
        .ruma(client::receipt::create_receipt::create_receipt)
        .ruma(client::receipt::set_read_marker::set_read_marker)
        .ruma(client::presence::get_presence::get_presence)
        .ruma(client::presence::set_presence::set_presence)
        .ruma(client::notifications::get_notifications)
        .route("/_matrix/client/v3/events", get(client::old_sync::listen_to_new_events::get))
        .route("/_matrix/client/r0/events", get(client::old_sync::listen_to_new_events::get))
        .route("/_matrix/client/v3/initialSync", get(client::old_sync::initial_sync::get))
        .route("/_matrix/client/r0/initialSync", get(client::old_sync::initial_sync::get))
        .route("/_matrix/client/v3/events/{p1}", get(client::old_sync::get_event::get))
        .route("/_matrix/client/r0/events/{p1}", get(client::old_sync::get_event::get))
}

/// Files. Bodies are streamed, so most of these read their requests themselves.
fn media(router: Router<Parts>) -> Router<Parts> {
    use client::media;
    router
        .ruma(media::config::get_media_config)
        .ruma(media::config::get_media_config_v3)
        .ruma(media::create::create_mxc_uri)
        .ruma(media::preview::get_media_preview)
        .ruma(media::preview::get_media_preview_v3)
        .route("/_matrix/media/v3/upload", post(media::upload::post))
        .route("/_matrix/media/r0/upload", post(media::upload::post))
        .route("/_matrix/media/v3/upload/{p1}/{p2}", put(media::upload::put))
        .route("/_matrix/client/v1/media/download/{p1}/{p2}", get(media::download::get))
        .route("/_matrix/client/v1/media/download/{p1}/{p2}/{p3}", get(media::download::get_as))
        .route("/_matrix/client/v1/media/thumbnail/{p1}/{p2}", get(media::thumbnail::get))
        .route("/_matrix/media/v3/download/{p1}/{p2}", get(media::download::get_frozen))
        .route("/_matrix/media/v3/download/{p1}/{p2}/{p3}", get(media::download::get_frozen_as))
        .route("/_matrix/media/v3/thumbnail/{p1}/{p2}", get(media::thumbnail::get_frozen))
        .route("/_matrix/media/r0/download/{p1}/{p2}", get(media::download::get_frozen))
        .route("/_matrix/media/r0/download/{p1}/{p2}/{p3}", get(media::download::get_frozen_as))
        .route("/_matrix/media/r0/thumbnail/{p1}/{p2}", get(media::thumbnail::get_frozen))
}

/// Web clients may come from anywhere: access is by token.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS])
        .allow_headers([
            HeaderName::from_static("x-requested-with"),
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
        ])
        .expose_headers([header::ETAG])
        .max_age(Duration::from_secs(86400))
}

/// Rooms: making them, their members, state, events, aliases.
fn rooms(router: Router<Parts>) -> Router<Parts> {
    use client::{alias, delayed_events, directory, membership, relations, reporting, room, search, state, threads};
    router
        .ruma(room::create_room::create_room)
        .ruma(room::send_message_event::send_message_event)
        .ruma(room::redact_event::redact_event)
        .ruma(room::get_room_event::get_room_event)
        .ruma(room::get_message_events::get_message_events)
        .ruma(room::get_context::get_context)
        .ruma(room::aliases::aliases)
        .ruma(room::upgrade_room::upgrade_room)
        .ruma(room::get_hierarchy::get_hierarchy)
        .ruma(room::get_summary::get_summary)
        .ruma(directory::get_public_rooms::get_public_rooms)
        .ruma(directory::get_public_rooms_filtered::get_public_rooms_filtered)
        .ruma(room::visibility::get_room_visibility)
        .ruma(room::visibility::set_room_visibility)
        .ruma(state::get_state_events::get_state_events)
        .ruma(state::get_state_event::get_state_event)
        .ruma(state::send_state_event::send_state_event)
        // The empty state key, with and without the slash before it.
        .ruma_at("/_matrix/client/r0/rooms/{room_id}/state/{event_type}", state::get_state_event::get_state_event)
        .ruma_at("/_matrix/client/v3/rooms/{room_id}/state/{event_type}", state::get_state_event::get_state_event)
        .ruma_at("/_matrix/client/v3/rooms/{room_id}/state/{event_type}/", state::get_state_event::get_state_event)
        .ruma_at("/_matrix/client/r0/rooms/{room_id}/state/{event_type}", state::send_state_event::send_state_event)
        .ruma_at("/_matrix/client/v3/rooms/{room_id}/state/{event_type}", state::send_state_event::send_state_event)
        .ruma_at("/_matrix/client/v3/rooms/{room_id}/state/{event_type}/", state::send_state_event::send_state_event)
        .ruma(membership::invite_user::invite_user)
        .ruma(membership::join_room_by_id::join_room_by_id)
        .ruma(membership::join_room_by_id_or_alias::join_room_by_id_or_alias)
        .ruma(membership::knock_room::knock_room)
        .ruma(membership::leave_room::leave_room)
        .ruma(membership::forget_room::forget_room)
        .ruma(membership::kick_user::kick_user)
        .ruma(membership::ban_user::ban_user)
        .ruma(membership::unban_user::unban_user)
        .ruma(membership::joined_rooms::joined_rooms)
        .ruma(membership::joined_members::joined_members)
        .ruma(membership::get_member_events::get_member_events)
        .route("/_matrix/client/v1/mutual_rooms", get(membership::mutual_rooms::get))
        .route("/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms", get(membership::mutual_rooms::get))
        .ruma(delayed_events::update_delayed_event::update_delayed_event)
        .merge(delayed_events::routes())
        .ruma(reporting::report_room::report_room)
        .ruma(reporting::report_content::report_content)
        .ruma(reporting::report_user::report_user)
        .ruma(alias::create_alias::create_alias)
        .ruma(alias::delete_alias::delete_alias)
        .ruma(alias::get_alias::get_alias)
        .ruma(relations::get_relating_events)
        .ruma(relations::get_relating_events_with_rel_type)
        .ruma(relations::get_relating_events_with_rel_type_and_event_type)
        .ruma(room::get_event_by_timestamp::get_event_by_timestamp)
        .ruma(room::initial_sync::initial_sync)
        .ruma(search::search_events)
        .ruma(threads::get_threads::get_threads)
        .ruma(threads::get_thread_subscription::get_thread_subscription)
        .ruma(threads::subscribe_thread::subscribe_thread)
        .ruma(threads::unsubscribe_thread::unsubscribe_thread)
        .ruma(threads::get_thread_subscriptions_changes::get_thread_subscriptions_changes)
}
