/** What a client gets that says nothing else. */
import type { AllocationRequest, NetworkSettings } from './command.ts'

export const DEFAULT_NAMESPACE = 'default'

export const NETWORK_DEFAULTS: NetworkSettings & { readonly namespace: string } = {
  namespace: DEFAULT_NAMESPACE,
  description: '',
  tags: [],
  gateway: null,
  reserved: [],
  cooldownMs: 0,
  strategy: 'lowest',
  metadata: {},
}

export const ALLOCATION_DEFAULTS: Omit<AllocationRequest, 'token' | 'network'> = {
  count: 1,
  ip: null,
  preferredIp: null,
  alignment: 1,
  hostname: null,
  description: '',
  tags: [],
  mac: null,
  metadata: {},
  ttlMs: null,
  expiresAt: null,
}
