import type { AllocationBody } from '../client.ts'

/** Of IPv4 text. */
export function addressNumber(text: string): number {
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

export function sizeOf({ ip, end_ip }: Pick<AllocationBody, 'ip' | 'end_ip'>): number {
  return addressNumber(end_ip ?? ip) - addressNumber(ip) + 1
}
