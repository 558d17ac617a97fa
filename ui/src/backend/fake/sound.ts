/** The microphones and speakers of the fake core. */
import type { MessageBody } from '../bindings/MessageBody';
import type { Push } from '../bindings/Push';
import type { SoundChoice } from '../bindings/SoundChoice';

const HEADSET = 'Jabra Evolve2 65 Flex Link390 UC stereo, with a name that no menu has room for';

export function soundDevices(chosen: SoundChoice): Push {
  const microphones = [
    { id: 'in-1', name: 'Built-in microphone' },
    { id: 'in-2', name: HEADSET },
  ];
  const speakers = [
    { id: 'out-1', name: 'Built-in speakers' },
    { id: 'out-2', name: HEADSET },
  ];
  return { kind: 'sound_devices', value: { microphones, speakers, chosen } };
}

/** A voice message of so many milliseconds. */
export function spoken(milliseconds: number): MessageBody {
  const waveform = Array.from({ length: 100 }, (_, at) => Math.round(Math.abs(Math.sin(at / 3) * Math.cos(at / 11)) * 100));
  return { type: 'voice', media: 'voice', name: 'Voice message.ogg', mime: 'audio/ogg', duration: milliseconds, waveform };
}
