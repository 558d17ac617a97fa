/** Why the camera reads nothing. */
import type { NoPictureCause } from '~/backend/bindings/NoPictureCause';
import { m } from '~/i18n/paraglide/messages.js';

export function failureWords(why: NoPictureCause): string {
  switch (why) {
    case 'not_there':
      return m.camera_none();
    case 'vanished':
      return m.scan_vanished();
    case 'not_allowed':
      return m.camera_not_allowed();
    case 'busy':
    case 'their_app_cannot':
      return m.scan_busy();
  }
}
