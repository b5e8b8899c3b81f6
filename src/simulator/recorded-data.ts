/**
 * What the simulated devices measure: recorded weather, replayed. Nothing is random. The series are files of the
 * `vega-datasets` package: hourly temperatures of two cities (`sf-temps.csv`, `seattle-temps.csv`) and daily weather
 * (`weather.csv`).
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** What one device reports at one time. */
export interface Reading {
  /** Degrees Fahrenheit, as recorded. */
  readonly temperature: number;
  /** Relative humidity in per cent, see {@link humidityOf}. */
  readonly humidity: number;
  /** Wind speed in m/s, as recorded. */
  readonly wind: number;
  /** `drizzle`, `fog`, `rain`, `snow` or `sun`, as recorded. */
  readonly status: string;
  /** Number of the reading, from 0 for each device: makes every state traceable. */
  readonly reading: number;
}

interface DailyWeather {
  readonly humidity: number;
  readonly wind: number;
  readonly status: string;
}

/** Devices start this many hours apart in the series; prime to their lengths, so that all offsets are used. */
const OFFSET_STEP = 1_009;

/** The recorded series, read once. */
export class RecordedData {
  readonly #temperatures: readonly (readonly number[])[];
  readonly #weather: readonly DailyWeather[];

  /** @throws Error naming the package and how to install it, when the files are not there */
  constructor(directory: string = datasetDirectory()) {
    this.#temperatures = ['sf-temps.csv', 'seattle-temps.csv'].map((file) =>
      readTable(join(directory, file)).map((row) => Number(row.temp)),
    );
    this.#weather = readTable(join(directory, 'weather.csv')).map((row) => ({
      humidity: humidityOf(Number(row.temp_min), Number(row.temp_max)),
      wind: Number(row.wind),
      status: row.weather as string,
    }));
  }

  /**
   * What the device reports as its reading `reading`: each reading is an hour further in the temperatures and a day
   * further in the weather; even devices are in San Francisco, odd ones in Seattle.
   */
  readingOf(deviceIndex: number, reading: number): Reading {
    const temperatures = this.#temperatures[deviceIndex % this.#temperatures.length] as readonly number[];
    const position = deviceIndex * OFFSET_STEP + reading;
    const { humidity, wind, status } = this.#weather[position % this.#weather.length] as DailyWeather;
    const temperature = temperatures[position % temperatures.length] as number;
    return { temperature, humidity, wind, status, reading };
  }
}

/**
 * Relative humidity of a day whose lowest and highest temperature (degrees Celsius) were recorded, but not its
 * humidity: the night cools the air about to its dew point, so the vapour pressure at the minimum over that at the mean
 * is the relative humidity (Allen et al., FAO Irrigation and Drainage Paper 56, equations 11 and 48). Per cent, one
 * decimal.
 */
export function humidityOf(minimumCelsius: number, maximumCelsius: number): number {
  const meanCelsius = (minimumCelsius + maximumCelsius) / 2;
  return Math.round(1000 * (saturationKpa(minimumCelsius) / saturationKpa(meanCelsius))) / 10;
}

function saturationKpa(celsius: number): number {
  return 0.6108 * Math.exp((17.27 * celsius) / (celsius + 237.3));
}

function datasetDirectory(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('vega-datasets/package.json')), 'data');
  } catch (error) {
    throw new Error(
      'The recorded data the fleet replays is in the package vega-datasets, which is not installed: ' +
        'run `npm install` (without --omit=dev) in the project folder.',
      { cause: error },
    );
  }
}

/** The rows of a CSV file without quotes, by column name. */
function readTable(path: string): Record<string, string>[] {
  const [header, ...rows] = readFileSync(path, 'utf8').trim().split(/\r?\n/);
  const columns = (header as string).split(',');
  return rows.map((row) => {
    const cells = row.split(',');
    return Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? '']));
  });
}
