// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.snapshots;

import java.util.List;

/** Goals that are measured together. */
interface Measurement {
    /** For {@code --only}. */
    String name();

    List<Row> measure(Lab lab) throws Exception;
}
