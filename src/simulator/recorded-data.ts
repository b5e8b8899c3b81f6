/**
 * What the simulated devices measure: recorded weather, replayed. Nothing is random. The series are in
 * `recorded-weather.json`, which says where they are from and under which licence: hourly temperatures of two cities and
 * daily weather, each series one text with blanks between its values.
 */
import { readFileSync } from 'node:fs';

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

/** The series as the file has them; those of the days are of one length. */
export interface Recording {
  readonly sanFranciscoFahrenheit: string;
  readonly seattleFahrenheit: string;
  readonly dailyMinCelsius: string;
  readonly dailyMaxCelsius: string;
  /** m/s. */
  readonly dailyWind: string;
  readonly dailyStatus: string;
}

/** The recorded series, read once. */
export class RecordedData {
  readonly #temperatures: readonly (readonly number[])[];
  readonly #weather: readonly DailyWeather[];

  constructor(recording: Recording = readRecording()) {
    this.#temperatures = [recording.sanFranciscoFahrenheit, recording.seattleFahrenheit].map(numbersOf);
    const maxima = numbersOf(recording.dailyMaxCelsius);
    const winds = numbersOf(recording.dailyWind);
    const statuses = recording.dailyStatus.split(' ');
    this.#weather = numbersOf(recording.dailyMinCelsius).map((minimum, day) => ({
      humidity: humidityOf(minimum, maxima[day] as number),
      wind: winds[day] as number,
      status: statuses[day] as string,
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

function readRecording(): Recording {
  return JSON.parse(readFileSync(new URL('./recorded-weather.json', import.meta.url), 'utf8')) as Recording;
}

function numbersOf(series: string): readonly number[] {
  return series.split(' ').map(Number);
}
