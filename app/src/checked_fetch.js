// Only where the built files lie on another server: holds what scripts fetch of them (the WASM, the list
// of each page's files) against the checksums of the import map, which browsers apply to modules alone.
{
  const { integrity } = JSON.parse(document.querySelector('script[type="importmap"]').textContent);
  const whole = (address) => new URL(address, document.baseURI).href;
  const checksums = new Map(Object.entries(integrity).map(([address, checksum]) => [whole(address), checksum]));
  const plain = fetch;
  globalThis.fetch = (what, how) => {
    const checksum = checksums.get(whole(what.url ?? what));
    return plain(what, checksum ? { ...how, integrity: checksum } : how);
  };
}
