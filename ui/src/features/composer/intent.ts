/** What the next message is for. */
import type { MessageItemRow } from '~/backend/rows';

export type Intent = { kind: 'reply' | 'edit'; row: MessageItemRow } | null;
