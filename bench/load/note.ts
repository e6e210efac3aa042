/** What the databases store beside an address: 256 B, as the values in etcd. */
export const NOTE = '.'.repeat(256)
