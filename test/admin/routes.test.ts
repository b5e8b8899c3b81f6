import { expect, it } from 'vitest';
import { methodsOf, Routes } from '../../src/admin/routes.js';

const reply = () => ({ status: 200, contentType: 'text/plain', body: '' });
const one = { GET: reply };
const other = { POST: reply };
const routes = new Routes({ '/a': one, '/a/{id}': other, '/a/{id}/b.c': one });

it.each([
  ['/a', one, []],
  ['/a/7', other, ['7']],
  ['/a/x%2Fy%20z', other, ['x/y z']],
  ['/a/%zz', other, ['%zz']],
  ['/a/7/b.c', one, ['7']],
])('finds %s', (path, handlers, parts) => {
  expect(routes.find(path)).toEqual({ handlers, parts });
});

it.each(['/', '/a/', '/a/7/', '/a/7/bxc', '/A', '/a/7/8', 'a', '//a'])('has no %s', (path) => {
  expect(routes.find(path)).toBeUndefined();
});

it('names its paths and methods', () => {
  expect(routes.paths).toEqual(['/a', '/a/{id}', '/a/{id}/b.c']);
  expect([methodsOf(one), methodsOf(other), methodsOf({ ...one, ...other })]).toEqual([
    ['GET', 'HEAD'],
    ['POST'],
    ['GET', 'HEAD', 'POST'],
  ]);
});
