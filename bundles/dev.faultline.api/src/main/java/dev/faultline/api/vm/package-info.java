// SPDX-License-Identifier: Apache-2.0
/**
 * The machine as its user sees it: build, run, pause, stop, snapshot.
 *
 * <p>Called from any thread unless a method says otherwise; exits are delivered on vCPU threads.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.vm;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
