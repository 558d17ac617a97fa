/** What the screens of a call have in common. */
import type { CallDevice } from '~/backend/bindings/CallDevice';
import type { CallEnd } from '~/backend/bindings/CallEnd';
import type { CallRef } from '~/backend/bindings/CallRef';
import type { CallView } from '~/backend/bindings/CallView';
import type { MediaWish } from '~/backend/bindings/MediaWish';
import type { NoPicture } from '~/backend/bindings/NoPicture';
import type { Quality } from '~/backend/bindings/Quality';
import { m } from '~/i18n/paraglide/messages.js';

export function callOf({ room_id, call_id }: CallView): CallRef {
  return { room_id, call_id };
}

/** Rings so that nobody can miss it. */
export function ringsAloud(call: CallView): boolean {
  return call.state.state === 'ringing' && !call.state.silent;
}

/** One that the person is in, makes, or has just been in. */
function isOpen(call: CallView): boolean {
  return call.state.state !== 'ringing';
}

/** The call to look at: one under way before one that is over, and before one that is on hold. */
export function lookedAt(calls: CallView[]): CallView | undefined {
  const underWay = calls.filter(isUnderWay);
  return underWay.find((call) => !call.ours.on_hold) ?? underWay[0] ?? calls.findLast(isOpen);
}

/** Neither only ringing nor over. */
export function isUnderWay(call: CallView): boolean {
  return call.state.state !== 'ringing' && call.state.state !== 'ended';
}

/** Something of the other side is to be seen. */
export function hasPictures(call: CallView): boolean {
  const { camera, screen } = seen(call);
  return camera || screen;
}

/** Mutes, or speaks again. */
export function muteWish(call: CallView): { call: CallRef; wish: MediaWish } {
  return { call: callOf(call), wish: { microphone: !call.ours.microphone, camera: null, screen: null, on_hold: null } };
}

/** What can be seen of a call now. */
export function seen(call: CallView): { ours: boolean; camera: boolean; screen: boolean } {
  const live = call.state.state === 'connected' || call.state.state === 'reconnecting';
  const flows = live && !call.held_by_them && !call.ours.on_hold;
  const ours = call.ours.camera && !call.ours.on_hold && isUnderWay(call);
  return { ours, camera: flows && call.theirs.camera, screen: flows && call.theirs.screen };
}

/** Why a camera or a screen is not seen. */
export function noPictureWords({ device, why }: NoPicture, name: string): string {
  const screen = device === 'screen';
  switch (why) {
    case 'not_there':
      return screen ? m.screen_not_there() : m.camera_not_there();
    case 'vanished':
      return screen ? m.screen_vanished() : m.camera_vanished();
    case 'not_allowed':
      return screen ? m.screen_not_allowed() : m.camera_not_allowed();
    case 'busy':
      return screen ? m.screen_vanished() : m.camera_busy();
    case 'their_app_cannot':
      return m.pictures_their_app_cannot({ name });
  }
}

/** 75 → "01:15", 3675 → "1:01:15". */
export function duration(seconds: number): string {
  const two = (part: number) => String(Math.floor(part)).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  return `${hours > 0 ? `${hours}:` : ''}${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
}

/** Why a call is over, in words. */
export function endWords(cause: CallEnd, name: string): string {
  switch (cause) {
    case 'hung_up':
    case 'declined':
      return m.call_end_over();
    case 'they_hung_up':
      return m.call_end_they_hung_up({ name });
    case 'they_declined':
      return m.call_end_they_declined({ name });
    case 'answered_elsewhere':
      return m.call_end_answered_elsewhere();
    case 'declined_elsewhere':
      return m.call_end_declined_elsewhere();
    case 'nobody_answered':
      return m.call_end_nobody_answered({ name });
    case 'missed':
      return m.call_end_missed({ name });
    case 'we_were_busy':
      return m.call_end_we_were_busy({ name });
    case 'they_are_busy':
      return m.call_end_they_are_busy({ name });
    case 'our_microphone':
      return m.call_end_our_microphone();
    case 'their_microphone':
      return m.call_end_their_microphone({ name });
    case 'no_path':
      return m.call_end_no_path({ name });
    case 'connection_lost':
      return m.call_end_connection_lost();
    case 'their_app_cannot':
      return m.call_end_their_app_cannot({ name });
    case 'not_sent':
      return m.call_end_not_sent();
    case 'they_left':
      return m.call_end_they_left({ name });
    case 'we_left':
      return m.call_end_we_left();
    case 'our_engine':
      return m.call_end_our_engine();
    case 'their_engine':
      return m.call_end_their_engine({ name });
  }
}

/** Which device is missing, in words. */
export function lostWords(device: CallDevice): string {
  const words = { microphone: m.call_lost_microphone(), speaker: m.call_lost_speaker(), camera: m.call_lost_camera(), screen: m.call_lost_screen() };
  return words[device];
}

export function qualityWords(quality: Quality): string {
  const words = { unknown: '', good: m.call_quality_good(), fair: m.call_quality_fair(), poor: m.call_quality_poor() };
  return words[quality];
}

/** What the call does now, in a line. */
export function stateWords(call: CallView, name: string): string {
  switch (call.state.state) {
    case 'placing':
      return m.call_state_placing();
    case 'calling':
      return m.call_state_calling({ name });
    case 'ringing':
      return call.state.video ? m.call_video() : m.call_voice();
    case 'connecting':
      return m.call_state_connecting();
    case 'reconnecting':
      return m.call_state_reconnecting();
    case 'connected':
      if (call.ours.on_hold) return m.call_state_on_hold();
      return call.held_by_them ? m.call_state_held({ name }) : '';
    case 'ended':
      return endWords(call.state.cause, name);
  }
}
