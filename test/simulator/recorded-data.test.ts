import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { humidityOf, RecordedData, type Recording } from '../../src/simulator/recorded-data.js';

const directory = join(dirname(createRequire(import.meta.url).resolve('vega-datasets/package.json')), 'data');
const column = (file: string, index: number) =>
  readFileSync(join(directory, file), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(',')[index]?.trim() as string);

describe('RecordedData', () => {
  const data = new RecordedData();

  it('replays the recorded rows in their order: San Francisco on even devices, Seattle on odd ones', () => {
    const [sanFrancisco, seattle] = [column('sf-temps.csv', 1), column('seattle-temps.csv', 1)];
    const [wind, weather] = [column('weather.csv', 5), column('weather.csv', 6)];
    for (let reading = 0; reading < 50; reading++) {
      expect(data.readingOf(0, reading)).toMatchObject({
        temperature: Number(sanFrancisco[reading]),
        wind: Number(wind[reading]),
        status: weather[reading],
        reading,
      });
      expect(data.readingOf(1, reading).temperature).toBe(Number(seattle[1_009 + reading]));
    }
  });

  it('starts each of a hundred devices at another place', () => {
    const starts = Array.from({ length: 100 }, (_, device) => {
      const series = Array.from({ length: 24 }, (_unused, reading) => data.readingOf(device, reading));
      return JSON.stringify(series);
    });
    expect(new Set(starts).size).toBe(100);
  });

  it('goes on from the beginning where a series ends', () => {
    const hours = column('sf-temps.csv', 1).length;
    expect(data.readingOf(0, hours).temperature).toBe(data.readingOf(0, 0).temperature);
    expect(data.readingOf(0, column('weather.csv', 0).length).status).toBe(data.readingOf(0, 0).status);
  });

  it('gives only values a state may have, over the whole of the series', () => {
    for (let reading = 0; reading < 9_000; reading++) {
      const { temperature, humidity, wind, status } = data.readingOf(0, reading);
      expect(Number.isFinite(temperature) && Number.isFinite(wind)).toBe(true);
      expect(humidity > 0 && humidity <= 100).toBe(true);
      expect(status).toMatch(/^(drizzle|fog|rain|snow|sun)$/);
    }
  });

  it('takes another recording, of other lengths', () => {
    const tiny = new RecordedData({
      sanFranciscoFahrenheit: '1.5 2.5',
      seattleFahrenheit: '7',
      dailyMinCelsius: '20',
      dailyMaxCelsius: '20',
      dailyWind: '3',
      dailyStatus: 'fog',
    });
    expect(tiny.readingOf(0, 1)).toEqual({ temperature: 2.5, humidity: 100, wind: 3, status: 'fog', reading: 1 });
  });
});

describe('the recording that ships', () => {
  const file = new URL('../../src/simulator/recorded-weather.json', import.meta.url);
  const recording = JSON.parse(readFileSync(file, 'utf8')) as Recording & { source: string; licence: string[] };

  it('has the columns of the package that it is from, value for value', () => {
    const series = (name: string, index: number) => column(name, index).join(' ');
    expect(recording).toMatchObject({
      sanFranciscoFahrenheit: series('sf-temps.csv', 1),
      seattleFahrenheit: series('seattle-temps.csv', 1),
      dailyMinCelsius: series('weather.csv', 4),
      dailyMaxCelsius: series('weather.csv', 3),
      dailyWind: series('weather.csv', 5),
      dailyStatus: series('weather.csv', 6),
    });
  });

  it('says where it is from, and under which licence it goes on', () => {
    expect(recording.source).toContain('vega-datasets');
    expect(recording.licence[0]).toBe('BSD-3-Clause');
    expect(recording.licence.join()).toContain('Redistributions in binary form must reproduce');
  });

  it('is a small file', () => {
    expect(readFileSync(file).length).toBeLessThan(200_000);
  });
});

describe('humidityOf', () => {
  it('is 100 % where night and day are alike, and falls with the span between them', () => {
    expect(humidityOf(10, 10)).toBe(100);
    expect(humidityOf(10, 20)).toBeLessThan(humidityOf(10, 15));
  });

  it('agrees with the tables of the source: e(18) over e(21.5) is 2.064 over 2.564 kPa', () => {
    expect(humidityOf(18, 25)).toBeCloseTo((100 * 2.064) / 2.564, 0);
  });
});
