/** What the proxy serves as `/assets/uplot.js`: the module that comes with the package. */
import uPlot from 'uplot';

export default uPlot;
