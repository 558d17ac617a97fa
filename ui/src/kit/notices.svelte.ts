/** Short notices at the window's foot. */
export interface Notice {
  id: number;
  sentence: string;
  detail: string | null;
  danger: boolean;
}

const SHOWN_FOR = 6000;
const MOST = 3;

class Notices {
  shown = $state.raw<Notice[]>([]);
  #last = 0;

  say(sentence: string, danger = false, detail: string | null = null): void {
    const notice = { id: ++this.#last, sentence, detail, danger };
    this.shown = [...this.shown.filter((one) => one.sentence !== sentence), notice].slice(-MOST);
    if (!danger) setTimeout(() => this.dismiss(notice.id), SHOWN_FOR);
  }

  dismiss(id: number): void {
    this.shown = this.shown.filter((one) => one.id !== id);
  }
}

export const notices = new Notices();

/** Runs something that may fail and says so when it does; answers whether it worked. */
export async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (thrown) {
    const failure = thrown as { sentence?: unknown; detail?: unknown; message?: unknown };
    const sentence = typeof failure.sentence === 'string' ? failure.sentence : String(failure.message ?? thrown);
    notices.say(sentence, true, typeof failure.detail === 'string' ? failure.detail : null);
    return false;
  }
}
