/** A title for each way in which starting can fail. */
import type { ErrorCode } from '~/backend/bindings/ErrorCode';
import { m } from '~/i18n/paraglide/messages.js';

export function failureTitle(code: ErrorCode): string {
  switch (code) {
    case 'data_folder_in_use':
      return m.trouble_in_use_title();
    case 'data_folder_read_only':
      return m.trouble_read_only_title();
    case 'disk_full':
      return m.trouble_disk_full_title();
    case 'newer_schema':
      return m.trouble_newer_title();
    default:
      return m.trouble_failed_title();
  }
}
