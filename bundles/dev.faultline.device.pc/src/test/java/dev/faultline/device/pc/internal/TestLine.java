// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal;

import dev.faultline.api.device.InterruptLine;

/** An interrupt line that counts rising edges. */
public final class TestLine implements InterruptLine {
    public boolean asserted;
    public int edges;

    @Override
    public void set(boolean now) {
        if (now && !asserted) {
            edges++;
        }
        asserted = now;
    }
}
