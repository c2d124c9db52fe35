// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import dev.faultline.api.address.Page;
import dev.faultline.api.protection.Rights;
import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** JFR: rights of a range of pages were set. */
@Name("faultline.Protect")
@Label("Guest RAM Protection")
@Description("A protection layer set the rights of a range of guest pages")
@Category("Faultline")
@StackTrace(false)
@Enabled(false)
final class ProtectEvent extends Event {
    private static final ProtectEvent PROBE = new ProtectEvent();

    @Label("Layer")
    @Nullable String layer;

    @Label("Guest-Physical Address")
    long gpa;

    @Label("Size")
    long size;

    @Label("Rights")
    @Nullable String rights;

    @Label("Nanoseconds")
    long nanos;

    static boolean on() {
        return PROBE.isEnabled();
    }

    static void write(String layer, long firstGfn, long lastGfn, int rights, long nanos) {
        ProtectEvent e = new ProtectEvent();
        if (e.shouldCommit()) {
            e.layer = layer;
            e.gpa = Page.gpa(firstGfn);
            e.size = (lastGfn - firstGfn + 1) * Page.SIZE;
            e.rights = Rights.toString(rights);
            e.nanos = nanos;
            e.commit();
        }
    }
}
