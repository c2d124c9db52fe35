// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.picture;

import dev.faultline.api.snapshot.PageMap;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.shell.internal.cli.OneLine;
import dev.faultline.shell.internal.cli.Place;
import dev.faultline.shell.internal.cli.Sizes;
import dev.faultline.shell.internal.cli.UsageException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A snapshot's pages: what is stored, and if it is recorded what a guest needs first. */
public final class SnapshotPicture {
    private final PageMap map;
    private final int workingSet;
    private final String title;
    private final String facts;
    private final List<Panel> panels = new ArrayList<>();

    private SnapshotPicture(PageMap map, int[] order, SnapshotInfo i, String title) {
        this.map = map;
        this.workingSet = order.length;
        this.title = title;
        this.facts =
                String.format(
                        Locale.ROOT,
                        "%s, %s of RAM, %s on disk, saved %s",
                        i.config().name(),
                        Sizes.bytes(i.config().ramBytes()),
                        Sizes.bytes(i.bytes()),
                        i.created().truncatedTo(ChronoUnit.SECONDS));
        panels.add(new StoredPanel(map));
        if (order.length > 0) {
            panels.add(new TouchedPanel("What the guest touches first", order, map.pages()));
        }
    }

    /** Reads the index and the recording, not the pages. */
    public static SnapshotPicture of(SnapshotService snapshots, SnapshotInfo i, Place place)
            throws SnapshotException {
        return new SnapshotPicture(
                snapshots.pageMap(place.uri()),
                snapshots.workingSet(place.uri()),
                i,
                "Snapshot " + place.name());
    }

    /** The same of a snapshot in a directory, under a title. */
    public static SnapshotPicture of(SnapshotService snapshots, Path dir, String title)
            throws SnapshotException {
        return new SnapshotPicture(
                snapshots.pageMap(dir), snapshots.workingSet(dir), snapshots.info(dir), title);
    }

    public PageMap map() {
        return map;
    }

    /** Pages recorded, 0 without a recording. */
    public int workingSet() {
        return workingSet;
    }

    /**
     * @param on where it will be printed: on a person's terminal in colours
     */
    public String text(PrintStream on) {
        return text(on, panels);
    }

    /** Only what a guest needs first, or what is stored without a recording. */
    public String lastText(PrintStream on) {
        return text(on, List.of(panels.getLast()));
    }

    private String text(PrintStream on, List<Panel> which) {
        boolean terminal =
                on == System.out && System.console() != null && System.console().isTerminal();
        return new PageChart(title, List.of(facts), which).text(terminal, System::getenv);
    }

    public void write(Path file) throws IOException {
        new PageChart(title, List.of(facts), panels).write(file);
    }

    /**
     * @throws UsageException if a picture cannot have this name
     */
    public static void checkName(Path file) {
        try {
            PageChart.checkName(file);
        } catch (IllegalArgumentException e) {
            throw new UsageException(OneLine.of(e.getMessage()));
        }
    }
}
