/** How a decoded picture of a call travels: a question in the address, three numbers before the bytes of the answer. */
import type { CallPicture, CallPictureWish } from './types';

const HEAD = 12;

export function pictureQuery({ room_id, call_id, stream, after, raw }: CallPictureWish): string {
  return `?${new URLSearchParams({ room_id, call_id, stream, after: String(after), raw: String(raw) })}`;
}

export async function readPicture(response: Response): Promise<CallPicture | null> {
  if (response.status === 204) return null;
  if (!response.ok) throw new Error(`no picture came (${response.status})`);
  const whole = await response.arrayBuffer();
  if (whole.byteLength < HEAD) return null;
  const head = new DataView(whole);
  const [number, width, height] = [0, 4, 8].map((at) => head.getUint32(at, true)) as [number, number, number];
  return { number, width, height, data: new Uint8Array(whole, HEAD) };
}
