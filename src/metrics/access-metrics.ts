/** Log-ins. By name and address they are in the audit log. */
import type { AccessFigures } from '../auth/access-control.ts'
import { counter, type Source } from './family.ts'

export function accessMetrics(figures: () => AccessFigures): Source {
  return () => {
    const { failedCount, throttledCount } = figures()
    return [
      counter(
        'ipam_auth_failures_total',
        'Log-ins with a wrong key or password, or a name that nobody has.',
        failedCount,
      ),
      counter(
        'ipam_auth_throttled_total',
        'Log-ins that were turned away unlooked at, after many failures.',
        throttledCount,
      ),
    ]
  }
}
