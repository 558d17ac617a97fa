/** The pages of the settings. */
export type PageName = 'profile' | 'notifications' | 'privacy' | 'appearance' | 'recovery';

export function isPage(name: string): name is PageName {
  return ['profile', 'notifications', 'privacy', 'appearance', 'recovery'].includes(name);
}
