// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.MachineFactory;
import java.io.InputStream;
import java.io.PrintStream;

/** What a command works with; one for each call. */
record Services(
        MachineFactory machines,
        SnapshotService snapshots,
        StyleSwitch styles,
        InputStream in,
        PrintStream out,
        PrintStream err,
        Report report) {}
