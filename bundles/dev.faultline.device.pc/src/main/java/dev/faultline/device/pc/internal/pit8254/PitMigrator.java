// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.pit8254;

import dev.faultline.api.device.StateMigrator;
import dev.faultline.api.device.StateSection;
import org.osgi.service.component.annotations.Component;

/** Version 1 had no counts that wait to be loaded, and did not say when the next edge is due. */
@Component
public final class PitMigrator implements StateMigrator {
    @Override
    public String section() {
        return "pit";
    }

    @Override
    public int from() {
        return 1;
    }

    @Override
    public int to() {
        return 2;
    }

    @Override
    public StateSection migrate(StateSection old) {
        StateSection s = old.withVersion(2);
        for (int i = 0; i < 3; i++) {
            long[] counter = new long[PitChannel.SAVED_V1];
            old.getInto(Pit8254.counter(i), counter);
            s.put(Pit8254.counter(i), PitChannel.migrate(counter));
        }
        s.put(Pit8254.DUE, Pit8254.UNKNOWN);
        s.put(Pit8254.LAST_EDGE, 0L);
        return s;
    }
}
