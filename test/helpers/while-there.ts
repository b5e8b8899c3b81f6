/** What is read of a process or a file that may be gone meanwhile; undefined when it is. */
export function whileThere<Read>(read: () => Read): Read | undefined {
  try {
    return read();
  } catch (error) {
    // `os.setPriority` names the error of the system in a field of its own.
    const { code, info } = error as NodeJS.ErrnoException & { readonly info?: { readonly code: string } };
    if (['ENOENT', 'ESRCH'].includes(info?.code ?? code ?? '')) return undefined;
    throw error;
  }
}
