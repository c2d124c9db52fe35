// SPDX-License-Identifier: Apache-2.0
/** What every bundle that calls services of others needs to call them safely. */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.service;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
