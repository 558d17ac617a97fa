/** The pages of the settings. */
export type PageName = 'profile' | 'notifications' | 'privacy' | 'sound' | 'appearance' | 'recovery';

export function isPage(name: string): name is PageName {
  return ['profile', 'notifications', 'privacy', 'sound', 'appearance', 'recovery'].includes(name);
}
