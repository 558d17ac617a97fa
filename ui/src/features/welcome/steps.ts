/** The core's six steps as three lines and a bar. */
import type { CreateStep } from '~/backend/bindings/CreateStep';

const STEPS: { step: CreateStep; line: number }[] = [
  { step: 'data_folder', line: 0 },
  { step: 'server_identity', line: 0 },
  { step: 'server', line: 0 },
  { step: 'account', line: 1 },
  { step: 'cross_signing', line: 2 },
  { step: 'recovery_key', line: 2 },
];

export function progressOf(step: CreateStep): { line: number; percent: number } {
  const at = STEPS.findIndex((one) => one.step === step);
  return { line: STEPS[at]?.line ?? 0, percent: Math.round(((at + 1) / (STEPS.length + 1)) * 100) };
}
