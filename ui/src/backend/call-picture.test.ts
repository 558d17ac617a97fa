/** Decoded pictures on the wire. */
import { expect, it } from 'vitest';
import { pictureQuery, readPicture } from './call-picture';

it('asks in the address and reads three numbers before the pixels', async () => {
  const query = pictureQuery({ room_id: '!a:b', call_id: 'c 1', stream: 's&', after: 7, raw: true });
  expect(query).toBe('?room_id=%21a%3Ab&call_id=c+1&stream=s%26&after=7&raw=true');
  const bytes = new Uint8Array([8, 0, 0, 0, 0, 5, 0, 0, 208, 2, 0, 0, 9, 9]);
  expect(await readPicture(new Response(bytes))).toEqual({ number: 8, width: 1280, height: 720, data: new Uint8Array([9, 9]) });
  expect(await readPicture(new Response(null, { status: 204 }))).toBeNull();
  expect(await readPicture(new Response(bytes.slice(0, 5)))).toBeNull();
  await expect(readPicture(new Response('', { status: 404 }))).rejects.toThrow('404');
});
