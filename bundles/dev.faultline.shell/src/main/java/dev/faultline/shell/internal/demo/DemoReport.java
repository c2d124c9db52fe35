// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.demo;

import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.shell.internal.cli.OneLine;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Sizes;
import dev.faultline.shell.internal.picture.SnapshotPicture;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Shows what the demo found: the restores side by side, where their pages are, the verdict. */
final class DemoReport {
    private final Services services;
    private final PrintStream out;
    private final List<String> expected;
    private final List<Outcome> all;
    private final Swaps swaps;

    /**
     * @param expected the original's answers
     * @param all what each restore took and gave
     */
    DemoReport(Services services, List<String> expected, List<Outcome> all, Swaps swaps) {
        this.services = services;
        this.out = services.out();
        this.expected = expected;
        this.all = all;
        this.swaps = swaps;
    }

    /** What each restore took; below, what it did not give as the original. */
    private boolean restores() {
        boolean identical = true;
        out.printf(
                "%n%-10s %18s %14s %12s %12s %10s%n",
                "restore", "first instruction", "ready", "pages", "bytes read", "faults");
        for (Outcome o : all) {
            out.printf(
                    "%-10s %18s %14s %12d %12s %10d%n",
                    o.name(),
                    Sizes.millis(o.firstInstruction()),
                    Sizes.millis(o.ready()),
                    o.pagesLoaded(),
                    Sizes.bytes(o.bytesRead()),
                    o.faults());
            identical &= same(o);
        }
        out.println(
                "(lazy records the working set for recorded: every first touch of a page is a fault)");
        return identical;
    }

    private boolean same(Outcome o) {
        for (int i = 0; i < expected.size(); i++) {
            if (!expected.get(i).equals(o.answers().get(i))) {
                out.printf(
                        "  %s: request %d was answered '%s', expected '%s'%n",
                        o.name(), i, OneLine.of(o.answers().get(i)), OneLine.of(expected.get(i)));
                return false;
            }
        }
        if (o.difference() != null) {
            out.printf(
                    "  %s: memory differs from the original's, first in %s%n",
                    o.name(), o.difference());
            return false;
        }
        return true;
    }

    private void pages(Path dir, String title, Path picture) throws IOException, SnapshotException {
        SnapshotPicture map = SnapshotPicture.of(services.snapshots(), dir, title);
        out.printf("%n%s", map.lastText(out));
        map.write(picture);
        out.printf("picture: %s%n", picture);
    }

    /**
     * @param dir the snapshot
     * @param title of the picture of its pages
     * @param memoryCompared the original's with that of each restore
     * @param unlike how the restores differed before they ran, or null
     * @return the process's exit code
     */
    int show(Path dir, String title, Path picture, boolean memoryCompared, @Nullable String unlike)
            throws IOException, SnapshotException {
        if (unlike != null) {
            out.printf("  %s%n", unlike);
        }
        boolean identical = restores() && unlike == null;
        pages(dir, title, picture);
        out.printf(
                "fault style and engine swapped %d times in mid-run, longest stand %s%n",
                swaps.count(), Sizes.millis(swaps.maxPauseMillis()));
        out.printf(
                "%s%n",
                identical
                        ? "identical: every restore gave the same answers"
                                + (memoryCompared
                                        ? " and left the same memory"
                                        : " from the same memory; what time makes of it is not compared")
                        : "NOT identical: see above");
        report(identical);
        return identical
                ? services.report().end(ExitCode.DONE, "every restore was identical")
                : services.report().end(ExitCode.ERROR, "the restores were not identical");
    }

    private void report(boolean identical) {
        Map<String, Object> restores = new LinkedHashMap<>();
        all.forEach(o -> restores.put(o.name(), o.facts()));
        services.report().put("restores", restores);
        services.report().put("swaps", swaps.facts());
        services.report().put("identical", identical);
        services.report().put("answers", expected);
    }
}
